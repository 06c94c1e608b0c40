package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// project is a project whose programs are built. The module programs/ pins its version, and lists
// its programs as tools. All projects share one module, so that each package that several of them
// use has one version and is compiled once.
type project struct {
	name    string // of the directory in the cache
	module  string // the project's module
	tags    string
	cgo     []string          // Debian packages for building C; empty for static Go programs
	rename  map[string]string // name that go build gives -> usual name
	ldflags func(version string) string
}

// nodeProjects are the projects that a node needs, and who installs the chart.
var nodeProjects = []project{
	{name: "etcd", module: "go.etcd.io/etcd/server/v3", rename: map[string]string{"server": "etcd"}},
	{name: "containerd", module: "github.com/containerd/containerd/v2", tags: "no_btrfs,no_zfs,no_devmapper,no_tracing"},
	// Debian's runc is too old for user namespaces of pods. Its first steps are written in C,
	// because the Go runtime has already started threads.
	{name: "runc", module: "github.com/opencontainers/runc", tags: "seccomp", cgo: []string{"gcc", "libc6-dev", "libseccomp-dev"}},
	{name: "helm", module: "helm.sh/helm/v4", ldflags: helmVersion("helm.sh/helm/v4")},
	{name: "kubernetes", module: "k8s.io/kubernetes", ldflags: kubernetesVersion},
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

// testProjects are the projects that only tests need: the chart is also tested with Helm 3, and a
// registry is for clusters that pull their images. They are not built for a node.
var testProjects = []project{
	{name: "helm3", module: "helm.sh/helm/v3", rename: map[string]string{"helm": "helm3"}, ldflags: helmVersion("helm.sh/helm/v3")},
	{name: "registry", module: "github.com/google/go-containerregistry"},
}

// programs maps a program's name to its path.
type programs map[string]string

// Build builds all pinned programs that are not in the cache, also those that only tests need, and
// reports progress to log. The first time it takes minutes.
func Build(ctx context.Context, log io.Writer) error {
	repo, err := repositoryRoot(ctx)
	if err != nil {
		return err
	}
	_, err = buildPrograms(ctx, repo, newProgress(log), slices.Concat(nodeProjects, testProjects)...)
	return err
}

// Program returns the path of a pinned program, such as "helm" or "kubectl". If needed, it builds
// the program and reports progress to log. It does not start a cluster.
func Program(ctx context.Context, log io.Writer, name string) (string, error) {
	repo, err := repositoryRoot(ctx)
	if err != nil {
		return "", err
	}
	pins, err := readPins(ctx, filepath.Join(repo, programsModule))
	if err != nil {
		return "", err
	}
	for _, p := range slices.Concat(nodeProjects, testProjects) {
		r, err := pins.release(p)
		if err != nil {
			return "", err
		}
		if slices.Contains(r.names(), name) {
			built, err := buildPrograms(ctx, repo, newProgress(log), p)
			return built[name], err
		}
	}
	return "", fmt.Errorf("cluster: %s/go.mod lists no program %q", programsModule, name)
}

// programsModule is the directory of the module that pins the programs.
const programsModule = "e2e/cluster/programs"

// pins is what the go.mod of the programs specifies.
type pins struct {
	dir      string
	goMod    string // the text
	goSum    string
	goVer    string            // version of Go that builds
	versions map[string]string // module -> version
	tools    []string          // package paths
}

// readPins reads the module in dir.
func readPins(ctx context.Context, dir string) (*pins, error) {
	p := &pins{dir: dir}
	for name, text := range map[string]*string{"go.mod": &p.goMod, "go.sum": &p.goSum} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		*text = string(content)
	}
	parsed, err := output(goCommand(ctx, dir, "mod", "edit", "-json"))
	if err != nil {
		return nil, err
	}
	if err := p.parse(parsed); err != nil {
		return nil, fmt.Errorf("%s/go.mod: %w", dir, err)
	}
	p.goVer, err = goEnv(ctx, dir, "GOVERSION")
	return p, err
}

// parse reads the output of "go mod edit -json".
func (p *pins) parse(gomod []byte) error {
	var f struct {
		Require []struct{ Path, Version string }
		Replace []struct {
			Old, New struct{ Path, Version string }
		}
		Tool []struct{ Path string }
	}
	if err := json.Unmarshal(gomod, &f); err != nil {
		return err
	}
	p.versions = map[string]string{}
	for _, r := range f.Require {
		p.versions[r.Path] = r.Version
	}
	for _, r := range f.Replace {
		if r.New.Path == r.Old.Path {
			p.versions[r.Old.Path] = r.New.Version
		}
	}
	for _, t := range f.Tool {
		p.tools = append(p.tools, t.Path)
	}
	return nil
}

// release is the pinned version of a project.
type release struct {
	project
	version string
	tools   []string // package paths
	key     string   // derived from everything that determines the programs
}

// release returns what is pinned of a project.
func (p *pins) release(of project) (release, error) {
	r := release{project: of, version: p.versions[of.module]}
	for _, t := range p.tools {
		if t == of.module || strings.HasPrefix(t, of.module+"/") {
			r.tools = append(r.tools, t)
		}
	}
	if r.version == "" || len(r.tools) == 0 {
		return release{}, fmt.Errorf("want a requirement on %s and at least one tool directive", of.module)
	}
	r.key = cacheKey(p.goMod, p.goSum, p.goVer, runtime.GOARCH, r.tags, r.linkFlags())
	return r, nil
}

// names returns the usual names of the project's programs.
func (r *release) names() []string {
	var names []string
	for _, t := range r.tools {
		name := programName(t)
		if customary, ok := r.rename[name]; ok {
			name = customary
		}
		names = append(names, name)
	}
	return names
}

func (r *release) linkFlags() string {
	flags := "-s -w"
	if r.ldflags != nil {
		flags += " " + r.ldflags(r.version)
	}
	return flags
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
