package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// programModule is a project in a module below programs/, which pins the project's version and
// lists its programs as tools. Two projects share a module if they share most of their
// dependencies: these are then compiled once.
type programModule struct {
	dir     string // below programs/
	module  string // the project's module
	tags    string
	cgo     []string          // Debian packages for building C; empty for static Go programs
	rename  map[string]string // name that go build gives -> usual name
	ldflags func(version string) string
}

var programModules = []programModule{
	{dir: "etcd", module: "go.etcd.io/etcd/server/v3", rename: map[string]string{"server": "etcd"}},
	{dir: "containerd", module: "github.com/containerd/containerd/v2", tags: "no_btrfs,no_zfs,no_devmapper"},
	// Debian's runc is too old for user namespaces of pods. Its first steps are written in C,
	// because the Go runtime has already started threads.
	{dir: "runc", module: "github.com/opencontainers/runc", tags: "seccomp", cgo: []string{"gcc", "libc6-dev", "libseccomp-dev"}},
	{dir: "helm", module: "helm.sh/helm/v4", ldflags: helmVersion("helm.sh/helm/v4")},
	{dir: "helm", module: "helm.sh/helm/v3", rename: map[string]string{"helm": "helm3"}, ldflags: helmVersion("helm.sh/helm/v3")},
	{dir: "kubernetes", module: "k8s.io/kubernetes", ldflags: kubernetesVersion},
}

func helmVersion(module string) func(string) string {
	return func(v string) string { return "-X " + module + "/internal/version.version=" + v }
}

// kubernetesVersion sets the version that the API server reports. Without it the version is v0.0.0,
// and clients and charts that depend on the version fail.
func kubernetesVersion(v string) string {
	major, rest, _ := strings.Cut(strings.TrimPrefix(v, "v"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	const pkg = "k8s.io/component-base/version"
	return fmt.Sprintf("-X %[1]s.gitVersion=%[2]s -X %[1]s.gitMajor=%[3]s -X %[1]s.gitMinor=%[4]s -X %[1]s.gitTreeState=clean", pkg, v, major, minor)
}

// registryModule provides a registry for the test of clusters that pull their images. Nodes do not
// need it.
var registryModule = programModule{dir: "registry", module: "github.com/google/go-containerregistry"}

// programs maps a program's name to its path.
type programs map[string]string

// Build builds all pinned programs that are not in the cache, and reports progress to log. The
// first time it takes minutes.
func Build(ctx context.Context, log io.Writer) error {
	repo, err := repositoryRoot(ctx)
	if err != nil {
		return err
	}
	_, err = buildPrograms(ctx, repo, newProgress(log), programModules...)
	return err
}

// Program returns the path of a pinned program, such as "helm" or "kubectl". If needed, it builds
// the program and reports progress to log. It does not start a cluster.
func Program(ctx context.Context, log io.Writer, name string) (string, error) {
	repo, err := repositoryRoot(ctx)
	if err != nil {
		return "", err
	}
	for _, m := range append(slices.Clone(programModules), registryModule) {
		pin, _, err := m.identify(ctx, m.source(repo))
		if err != nil {
			return "", err
		}
		if !slices.Contains(m.names(pin), name) {
			continue
		}
		built, err := buildPrograms(ctx, repo, newProgress(log), m)
		return built[name], err
	}
	return "", fmt.Errorf("cluster: no module below e2e/cluster/programs has a program %q", name)
}

// buildPrograms returns the modules' programs, and builds those that are not in the cache.
func buildPrograms(ctx context.Context, repo string, log *progress, modules ...programModule) (programs, error) {
	all := programs{}
	for _, m := range modules {
		p, err := m.build(ctx, m.source(repo), log)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, p)
	}
	return all, nil
}

// source returns the module's directory.
func (m programModule) source(repo string) string {
	return filepath.Join(repo, "e2e/cluster/programs", m.dir)
}

// pinned is what a module's go.mod specifies.
type pinned struct {
	version string   // of the project
	tools   []string // package paths
}

// parsePinned reads the output of "go mod edit -json": the version of module that the go.mod
// requires, and the tools that are packages of module.
func parsePinned(gomod []byte, module string) (pinned, error) {
	var f struct {
		Require []struct{ Path, Version string }
		Tool    []struct{ Path string }
	}
	if err := json.Unmarshal(gomod, &f); err != nil {
		return pinned{}, err
	}
	var p pinned
	for _, r := range f.Require {
		if r.Path == module {
			p.version = r.Version
		}
	}
	for _, t := range f.Tool {
		if t.Path == module || strings.HasPrefix(t.Path, module+"/") {
			p.tools = append(p.tools, t.Path)
		}
	}
	if p.version == "" || len(p.tools) == 0 {
		return pinned{}, fmt.Errorf("want a requirement on %s and a tool directive for at least one of its packages", module)
	}
	return p, nil
}

// programName returns the name that go build gives a package's program: the last path element that
// is not a major version.
func programName(pkg string) string {
	elems := strings.Split(pkg, "/")
	last := elems[len(elems)-1]
	if len(last) > 1 && last[0] == 'v' && strings.Trim(last[1:], "0123456789") == "" {
		last = elems[len(elems)-2]
	}
	return last
}

// build returns the module's programs from the cache, and builds them if they are missing. Several
// processes may call it at the same time: one builds, the others wait.
func (m programModule) build(ctx context.Context, src string, log *progress) (programs, error) {
	pin, key, err := m.identify(ctx, src)
	if err != nil {
		return nil, err
	}
	parent, err := cacheDir("programs")
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(parent, fmt.Sprintf("%s-%s-%s", m.dir, pin.version, key))
	held, err := lockPath(ctx, dir+".lock", unix.LOCK_EX)
	if err != nil {
		return nil, err
	}
	defer held.remove()
	if _, err := os.Stat(dir); err != nil {
		what := fmt.Sprintf("build %s %s", m.dir, pin.version)
		if err := log.during(what, func() error { return m.compile(ctx, src, dir, pin, log) }); err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
	}
	markUsed(dir, m.dir+"-v")
	found := programs{}
	for _, name := range m.names(pin) {
		found[name] = filepath.Join(dir, name)
	}
	return found, nil
}

// names returns the usual names of the module's programs.
func (m programModule) names(pin pinned) []string {
	var names []string
	for _, t := range pin.tools {
		name := programName(t)
		if customary, ok := m.rename[name]; ok {
			name = customary
		}
		names = append(names, name)
	}
	return names
}

// identify reads what is pinned, and derives the cache key from everything that determines the
// programs.
func (m programModule) identify(ctx context.Context, src string) (pinned, string, error) {
	gomod, err := os.ReadFile(filepath.Join(src, "go.mod"))
	if err != nil {
		return pinned{}, "", err
	}
	gosum, err := os.ReadFile(filepath.Join(src, "go.sum"))
	if err != nil {
		return pinned{}, "", err
	}
	parsed, err := output(goCommand(ctx, src, "mod", "edit", "-json"))
	if err != nil {
		return pinned{}, "", err
	}
	pin, err := parsePinned(parsed, m.module)
	if err != nil {
		return pinned{}, "", fmt.Errorf("%s/go.mod: %w", src, err)
	}
	version, err := goEnv(ctx, src, "GOVERSION")
	if err != nil {
		return pinned{}, "", err
	}
	return pin, cacheKey(string(gomod), string(gosum), version, runtime.GOARCH, m.tags, m.linkFlags(pin)), nil
}

// compile builds into a directory beside dir and renames it, so that dir is complete if it exists.
// The caller holds the lock, so a directory that already exists is left from a build that was
// killed.
func (m programModule) compile(ctx context.Context, src, dir string, pin pinned, log *progress) error {
	if err := m.ensureCompiler(ctx, log); err != nil {
		return err
	}
	work := dir + ".building"
	if err := os.RemoveAll(work); err != nil {
		return err
	}
	defer os.RemoveAll(work)
	args := []string{"build", "-tags", m.tags, "-ldflags", m.linkFlags(pin), "-o", work + "/"}
	build := goCommand(ctx, src, append(args, pin.tools...)...)
	if m.cgo != nil {
		build.Env = append(build.Env, "CGO_ENABLED=1")
	}
	if _, err := output(build); err != nil {
		return err
	}
	for built, customary := range m.rename {
		if err := os.Rename(filepath.Join(work, built), filepath.Join(work, customary)); err != nil {
			return err
		}
	}
	return os.Rename(work, dir)
}

// compilerFiles maps each Debian package that is needed to build C to one of its files or programs.
var compilerFiles = map[string]string{
	"gcc": "gcc", "libc6-dev": "/usr/include/features.h", "libseccomp-dev": "/usr/include/seccomp.h",
}

// ensureCompiler installs what the module needs to build C.
func (m programModule) ensureCompiler(ctx context.Context, log *progress) error {
	wanted := map[string]string{}
	for _, pkg := range m.cgo {
		wanted[pkg] = compilerFiles[pkg]
	}
	return ensurePackages(ctx, wanted, log)
}

func (m programModule) linkFlags(pin pinned) string {
	flags := "-s -w"
	if m.ldflags != nil {
		flags += " " + m.ldflags(pin.version)
	}
	return flags
}
