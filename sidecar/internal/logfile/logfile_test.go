package logfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/logfile"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, path, content string) {
	t.Helper()
	got, err := os.ReadFile(path)
	check(t, err)
	if string(got) != content {
		t.Errorf("%s contains %q, want %q", path, got, content)
	}
}

// Records continue in the file of the path, whatever rotates it.
func TestRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "azure", "certsync", "certsync.log")
	f, err := logfile.Open(path)
	check(t, err)
	write := func(record string) {
		_, err := f.Write([]byte(record))
		check(t, err)
	}
	write("one\n")
	check(t, os.Rename(path, path+".1")) // logrotate's default
	write("two\n")
	want(t, path+".1", "one\n")
	want(t, path, "two\n")
	check(t, os.Truncate(path, 0)) // copytruncate
	write("three\n")
	want(t, path, "three\n")
	check(t, os.Remove(path))
	write("four\n")
	want(t, path, "four\n")

	again, err := logfile.Open(path) // after a restart
	check(t, err)
	_, err = again.Write([]byte("five\n"))
	check(t, err)
	want(t, path, "four\nfive\n")
}

func TestCannotOpen(t *testing.T) {
	_, err := logfile.Open(filepath.Join(t.TempDir(), strings.Repeat("x", 300)))
	if err == nil || !strings.Contains(err.Error(), "name a file that user ID") {
		t.Errorf("error %v", err)
	}
	dir := t.TempDir()
	if _, err := logfile.Open(dir); err == nil {
		t.Error("a directory is accepted as a log file")
	}
}
