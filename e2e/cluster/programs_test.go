package cluster

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParsePinned(t *testing.T) {
	const gomod = `{
		"Module": {"Path": "example.org/programs"},
		"Require": [{"Path": "example.org/other", "Version": "v9.9.9"}, {"Path": "example.org/it/v2", "Version": "v2.4.2"}],
		"Tool": [{"Path": "example.org/it/v2/cmd/one"}, {"Path": "example.org/it/v2"}, {"Path": "example.org/other/cmd/it"}]
	}`
	got, err := parsePinned([]byte(gomod), "example.org/it/v2")
	if err != nil {
		t.Fatal(err)
	}
	want := pinned{version: "v2.4.2", tools: []string{"example.org/it/v2/cmd/one", "example.org/it/v2"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(pinned{})); diff != "" {
		t.Error(diff)
	}
	for _, module := range []string{"example.org/it", "example.org/it/v3"} {
		if got, err := parsePinned([]byte(gomod), module); err == nil {
			t.Errorf("%s is not required, but pinned to %+v", module, got)
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

// The modules below programs/ pin a program for each daemon and command that the package starts.
func TestPinnedPrograms(t *testing.T) {
	repo, err := repositoryRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var there []string
	for _, m := range append(slices.Clone(programModules), registryModule) {
		pin, _, err := m.identify(t.Context(), m.source(repo))
		if err != nil {
			t.Fatal(err)
		}
		there = append(there, m.names(pin)...)
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
	key := func(m programModule, gomod, gosum string) string {
		t.Helper()
		src := t.TempDir()
		for name, content := range map[string]string{"go.mod": gomod, "go.sum": gosum} {
			if err := writeText(filepath.Join(src, name), content); err != nil {
				t.Fatal(err)
			}
		}
		_, key, err := m.identify(t.Context(), src)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	m := programModule{dir: "it", module: "example.org/it"}
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

func TestKubernetesVersion(t *testing.T) {
	got := kubernetesVersion("v1.36.3")
	for _, want := range []string{".gitVersion=v1.36.3", ".gitMajor=1", ".gitMinor=36"} {
		if !slices.ContainsFunc(strings.Fields(got), func(f string) bool { return strings.HasSuffix(f, want) }) {
			t.Errorf("link flags %q do not contain %s", got, want)
		}
	}
}
