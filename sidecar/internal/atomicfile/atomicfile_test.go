package atomicfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantOnly checks that a directory contains only the file with this content.
func wantOnly(t *testing.T, path, content string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	check(t, err)
	got, err := os.ReadFile(path)
	check(t, err)
	if len(entries) != 1 || string(got) != content {
		t.Errorf("the directory contains %v, and the file %q; want only the file, with %q", entries, got, content)
	}
}

func TestWriteFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	check(t, WriteFile(path, []byte("first"), 0o600))
	wantOnly(t, path, "first")
	open, err := os.Open(path)
	check(t, err)
	defer open.Close()

	// A process that died has left a part of a longer file.
	check(t, os.WriteFile(path+suffix, []byte("a much longer text"), 0o600))
	check(t, WriteFile(path, []byte("second"), 0o600))
	wantOnly(t, path, "second")
	info, err := os.Stat(path)
	check(t, err)
	if info.Mode() != 0o600 {
		t.Errorf("the mode is %s, want -rw-------", info.Mode())
	}
	before := make([]byte, 64)
	if n, _ := open.Read(before); string(before[:n]) != "first" {
		t.Errorf("a reader that opened the file before reads %q, want the old content", before[:n])
	}
}

func TestWriteFileFails(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing", "file")
	if err := WriteFile(missing, nil, 0o600); err == nil || !strings.Contains(err.Error(), "no such file or directory") {
		t.Errorf("in a directory that does not exist: %v", err)
	}

	directory := filepath.Join(t.TempDir(), "directory")
	check(t, os.MkdirAll(filepath.Join(directory, "full"), 0o700))
	if err := WriteFile(directory, []byte("text"), 0o600); err == nil {
		t.Error("a directory is replaced by a file")
	}
	if _, err := os.Stat(directory + suffix); !os.IsNotExist(err) {
		t.Errorf("the temporary file remains: %v", err)
	}
}
