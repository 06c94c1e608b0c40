package cluster

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tree creates a build context.
func tree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"Dockerfile", "go.mod", "docs/text.md", "app/main.go", "app/inner/inner.go", ".git/HEAD"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := writeText(filepath.Join(dir, name), name); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestInputFiles(t *testing.T) {
	dir := tree(t)
	for _, test := range []struct{ inputs, want []string }{
		{nil, []string{"Dockerfile", "app/inner/inner.go", "app/main.go", "docs/text.md", "go.mod"}},
		{[]string{"go.mod", "app"}, []string{"Dockerfile", "app/inner/inner.go", "app/main.go", "go.mod"}},
	} {
		got, err := BuildSpec{Context: dir, Dockerfile: "./Dockerfile", Inputs: test.inputs}.inputFiles()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("inputs %q, -want +got:\n%s", test.inputs, diff)
		}
	}
	if got, err := (BuildSpec{Context: dir, Dockerfile: "Dockerfile", Inputs: []string{"gone"}}).inputFiles(); err == nil {
		t.Errorf("a missing input was accepted: %q", got)
	}
}

// An image is built again only if one of its inputs changes.
func TestBuildKey(t *testing.T) {
	dir := tree(t)
	spec := func(greeting string) BuildSpec {
		return BuildSpec{Context: dir, Dockerfile: "Dockerfile", Inputs: []string{"app"}, Args: map[string]string{"GREETING": greeting}}
	}
	key := func(s BuildSpec, goversion string) string {
		t.Helper()
		inputs, err := s.inputFiles()
		if err != nil {
			t.Fatal(err)
		}
		key, err := s.key(inputs, goversion)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	first := key(spec("hello"), "go1.26.8")
	if err := writeText(filepath.Join(dir, "docs/text.md"), "edited"); err != nil {
		t.Fatal(err)
	}
	if got := key(spec("hello"), "go1.26.8"); got != first {
		t.Error("the key changed with a file that is not an input")
	}
	if got := key(spec("good-bye"), "go1.26.8"); got == first {
		t.Error("the key did not change with a build argument")
	}
	if got := key(spec("hello"), "go1.26.9"); got == first {
		t.Error("the key did not change with the Go version")
	}
	if err := writeText(filepath.Join(dir, "app/main.go"), "edited"); err != nil {
		t.Fatal(err)
	}
	if got := key(spec("hello"), "go1.26.8"); got == first {
		t.Error("the key did not change with an edited input")
	}
}

func TestTLSVerify(t *testing.T) {
	for reference, want := range map[string]string{
		"localhost:5000/it:1":     "--tls-verify=false",
		"127.0.0.1:5000/it:1":     "--tls-verify=false",
		"localhost.example/it:1":  "--tls-verify=true",
		"it.azurecr.io/team/it:1": "--tls-verify=true",
		"10.77.0.1:5000/it:1":     "--tls-verify=true",
	} {
		if got := tlsVerify(reference); got != want {
			t.Errorf("%s: %s, want %s", reference, got, want)
		}
	}
}
