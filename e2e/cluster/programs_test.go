package cluster

import (
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const gomodJSON = `{
	"Module": {"Path": "example.org/programs"},
	"Require": [{"Path": "example.org/other", "Version": "v9.9.9"}, {"Path": "example.org/it/v2", "Version": "v2.4.2"}, {"Path": "example.org/lib", "Version": "v1.0.0"}],
	"Tool": [{"Path": "example.org/it/v2/cmd/one"}, {"Path": "example.org/it/v2"}, {"Path": "example.org/other/cmd"}, {"Path": "example.org/it/v22/cmd"}]
}`

func TestRelease(t *testing.T) {
	var p pins
	if err := p.parse([]byte(gomodJSON)); err != nil {
		t.Fatal(err)
	}
	got, err := p.release(project{module: "example.org/it/v2"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"example.org/it/v2/cmd/one", "example.org/it/v2"}
	if got.version != "v2.4.2" || !slices.Equal(got.tools, want) {
		t.Errorf("got version %s and tools %q, want v2.4.2 and %q", got.version, got.tools, want)
	}
	for _, module := range []string{"example.org/it", "example.org/it/v3", "example.org/lib"} {
		if got, err := p.release(project{module: module}); err == nil {
			t.Errorf("%s has no requirement or no tool, but is pinned to %+v", module, got)
		}
	}
}

func TestProgramName(t *testing.T) {
	for pkg, want := range map[string]string{
		"k8s.io/kubernetes/cmd/kubelet":               "kubelet",
		"go.etcd.io/etcd/server/v3":                   "server",
		"example.org/cmd/v":                           "v",
		"example.org/cmd/vault":                       "vault",
		"github.com/containerd/containerd/v2/cmd/ctr": "ctr",
		"github.com/google/go-containerregistry/v10":  "go-containerregistry",
	} {
		if got := programName(pkg); got != want {
			t.Errorf("programName(%q) = %q, want %q", pkg, got, want)
		}
	}
}

// The module programs/ pins a program for each daemon and command that the package starts.
func TestPinnedPrograms(t *testing.T) {
	repo, err := repositoryRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p, err := readPins(t.Context(), filepath.Join(repo, programsModule))
	if err != nil {
		t.Fatal(err)
	}
	var there []string
	tools := 0
	for _, of := range slices.Concat(nodeProjects, testProjects) {
		r, err := p.release(of)
		if err != nil {
			t.Fatal(err)
		}
		there = append(there, r.names()...)
		tools += len(r.tools)
	}
	if tools != len(p.tools) {
		t.Errorf("%d of the tools %q belong to a project, want all", tools, p.tools)
	}
	wanted := []string{"ctr", "containerd-shim-runc-v2", "runc", "kubectl", "helm", "helm3", "crane"}
	for _, d := range (&node{state: "/state"}).daemons() {
		wanted = append(wanted, d.program)
	}
	slices.Sort(there)
	slices.Sort(wanted)
	if diff := cmp.Diff(wanted, there); diff != "" {
		t.Errorf("programs (-wanted +pinned):\n%s", diff)
	}
}

// The key of a build depends on everything that determines the programs, and on nothing else.
func TestProgramKey(t *testing.T) {
	const module = "module example.org/programs\n\ngo 1.26\n\ntool example.org/it/cmd/it\n\nrequire example.org/it v1.0.0\n"
	key := func(of project, gomod, gosum string) string {
		t.Helper()
		src := t.TempDir()
		for name, content := range map[string]string{"go.mod": gomod, "go.sum": gosum} {
			if err := writeText(filepath.Join(src, name), content); err != nil {
				t.Fatal(err)
			}
		}
		p, err := readPins(t.Context(), src)
		if err != nil {
			t.Fatal(err)
		}
		r, err := p.release(of)
		if err != nil {
			t.Fatal(err)
		}
		return r.key
	}
	m := project{name: "it", module: "example.org/it"}
	tagged := m
	tagged.tags = "small"
	first := key(m, module, "sums")
	if again := key(m, module, "sums"); again != first {
		t.Errorf("the same sources in another directory have the keys %s and %s", first, again)
	}
	for what, other := range map[string]string{
		"version": key(m, strings.Replace(module, "v1.0.0", "v1.0.1", 1), "sums"),
		"go.sum":  key(m, module, "other sums"),
		"tags":    key(tagged, module, "sums"),
	} {
		if other == first {
			t.Errorf("the key does not depend on the %s", what)
		}
	}
}

// A package counts once, however many releases need it, and also if go build does not print it
// because it is in the build cache.
func TestCompilation(t *testing.T) {
	one, two := release{project: project{name: "one"}}, release{project: project{name: "two"}}
	c := &compilation{
		needed: map[string]map[string]int{"one": {"a": 1, "shared": 4}, "two": {"b": 5, "shared": 4}},
		left:   map[string]int{"a": 1, "b": 5, "shared": 4},
		total:  10,
	}
	wantState := func(want string) {
		t.Helper()
		if got := c.state(); got != want {
			t.Errorf("state is %q, want %q", got, want)
		}
	}
	wantState("0% of 10 Go files compiled")
	for _, part := range []string{"sha", "red\n# some warning\nshared\nunknown\n", "b"} {
		if n, err := io.WriteString(c, part); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	wantState("40% of 10 Go files compiled")
	c.finished(&one)
	wantState("50% of 10 Go files compiled")
	c.finished(&two)
	wantState("100% of 10 Go files compiled")
}

// Modules that this module and the programs use have the same version in both, so that a fresh
// machine compiles each package once.
func TestSharedVersions(t *testing.T) {
	repo, err := repositoryRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var ours pins
	parsed, err := output(goCommand(t.Context(), repo, "mod", "edit", "-json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := ours.parse(parsed); err != nil {
		t.Fatal(err)
	}
	programs, err := readPins(t.Context(), filepath.Join(repo, programsModule))
	if err != nil {
		t.Fatal(err)
	}
	for module, version := range ours.versions {
		if other, shared := programs.versions[module]; shared && other != version {
			t.Errorf("%s is %s in go.mod and %s in %s/go.mod: go get the newer one in both", module, version, other, programsModule)
		}
	}
}

func TestKubernetesVersion(t *testing.T) {
	got := kubernetesVersion("v1.36.3")
	for _, want := range []string{".gitVersion=v1.36.3", ".gitMajor=1", ".gitMinor=36"} {
		if !slices.ContainsFunc(strings.Fields(got), func(f string) bool { return strings.HasSuffix(f, want) }) {
			t.Errorf("link flags %q do not contain %s", got, want)
		}
	}
}
