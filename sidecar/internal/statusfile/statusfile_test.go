package statusfile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/statusfile"
)

func text(s string) func() []byte { return func() []byte { return []byte(s) } }

func want(t *testing.T, path, content string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != content {
		t.Errorf("%s contains %q, error %v; want %q", path, got, err, content)
	}
}

// The status of other settings has another file, and the last status of earlier settings stays.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	f := &statusfile.Files{File: filepath.Join(dir, "status.json"), Dir: filepath.Join(dir, "status")}
	if err := f.Write(text("first")); err != nil {
		t.Fatal(err)
	}
	f.SetSequence(3)
	if err := f.Write(text("second")); err != nil {
		t.Fatal(err)
	}
	want(t, f.File, "second")
	want(t, filepath.Join(f.Dir, "0.status"), "first")
	want(t, filepath.Join(f.Dir, "3.status"), "second")

	// One that cannot be written does not prevent the other.
	f.File = filepath.Join(dir, "missing", "status.json")
	if err := f.Write(text("third")); err == nil {
		t.Error("no error for a missing directory")
	}
	want(t, filepath.Join(f.Dir, "3.status"), "third")
}

func TestNone(t *testing.T) {
	err := new(statusfile.Files).Write(func() []byte {
		t.Error("the content is computed")
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
