package smallfile

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	link := filepath.Join(dir, "link")
	check(t, os.Symlink(file, link))
	for _, size := range []int{0, 1, 1023, 1024} {
		want := strings.Repeat("x", size)
		check(t, os.WriteFile(file, []byte(want), 0o600))
		for _, path := range []string{file, link} {
			if got, err := Read(path, 1024); err != nil || string(got) != want {
				t.Errorf("%d bytes: got %d bytes, error %v", size, len(got), err)
			}
		}
	}
}

// Nothing that is in the place of a file makes Read wait, or read more than the limit.
func TestUnfit(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	check(t, os.WriteFile(at("long"), make([]byte, 1025), 0o600))
	sparse, err := os.Create(at("sparse"))
	check(t, err)
	check(t, errors.Join(sparse.Truncate(1<<40), sparse.Close()))
	check(t, syscall.Mkfifo(at("fifo"), 0o600))
	check(t, os.Symlink(at("fifo"), at("link to fifo")))
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", at("socket"))
	check(t, err)
	defer listener.Close()
	for path, want := range map[string]string{
		at("long"):         "is longer than 1 KiB",
		at("sparse"):       "is longer than 1 KiB",
		at("fifo"):         "is a FIFO, not a regular file",
		at("link to fifo"): "is a FIFO, not a regular file",
		at("socket"):       "is a socket or a device, not a regular file",
		dir:                "is a directory, not a regular file",
		"/dev/zero":        "is a device, not a regular file",
	} {
		content, err := Read(path, 1024)
		if err == nil || content != nil || !errors.Is(err, ErrUnfit) || !strings.Contains(err.Error(), path+": "+want) {
			t.Errorf("%s: got %d bytes, error %v; want %q", path, len(content), err, want)
		}
	}
	if _, err := Read(at("missing"), 1024); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrUnfit) {
		t.Errorf("a missing file: %v", err)
	}
}
