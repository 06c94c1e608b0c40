package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestDamage checks that the store reports every kind of damage, keeps what can still be read, and
// repairs the damage with the next complete Commit.
func TestDamage(t *testing.T) {
	const generation = "..0000000001/"
	remove := func(name string) func(string) error {
		return func(dir string) error { return os.RemoveAll(filepath.Join(dir, name)) }
	}
	write := func(name, data string) func(string) error {
		return func(dir string) error { return os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600) }
	}
	relink := func(name, target string) func(string) error {
		return func(dir string) error {
			return errors.Join(os.RemoveAll(filepath.Join(dir, name)), os.Symlink(target, filepath.Join(dir, name)))
		}
	}
	tests := []struct {
		name   string
		damage func(dir string) error
		lost   string // link names of the damaged certificates
	}{
		{"file changed", write(generation+"v.a.2", "something else"), "v.a"},
		{"file truncated", write(generation+"v.b.1", ""), "v.b"},
		{"file removed", remove(generation + "v.a.2"), "v.a"},
		{"split file removed", remove(generation + "v.b.d/tls.key"), "v.b"},
		{"file replaced by a link", relink(generation+"v.a.2", "v.b.1"), "v.a"},
		{"link inside removed", remove(generation + "v.a"), "v.a"},
		{"link inside changed", relink(generation+"v.a", "v.b.1"), "v.a"},
		{"manifest removed", remove(generation + manifestName), "v.a v.b"},
		{"manifest damaged", write(generation+manifestName, `{"certificates": [{`), "v.a v.b"},
		{"manifest empty", write(generation+manifestName, `null`), "v.a v.b"},
		{"manifest replaced by a FIFO", func(dir string) error {
			path := filepath.Join(dir, generation, manifestName)
			return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600))
		}, "v.a v.b"},
		{"..data removed", remove(dataLink), "v.a v.b"},
		{"generation removed", remove(generation), "v.a v.b"},
		{"..data dangling", relink(dataLink, "..0000000009"), "v.a v.b"},
		{"top-level link removed", remove("v.a"), ""},
		{"file rewritten unchanged", write(generation+"v.b.1", "pem of v.b 1\n"), ""},
		{"leftover link", relink(dataTemp, "..0000000002"), ""},
		{"leftover generation", func(dir string) error { return os.MkdirAll(filepath.Join(dir, "..0000000002/v.a.d"), 0o755) }, ""},
		{"dangling top-level link", relink("v.old", "..data/v.old"), ""},
	}
	for _, tt := range tests {
		for _, restart := range []bool{true, false} {
			name := tt.name + ", running"
			if restart {
				name = tt.name + ", restarted"
			}
			t.Run(name, func(t *testing.T) {
				dir := memoryDir(t)
				s := mustOpen(t, dir)
				a, b := pemEntry("v.a", "2"), pemEntry("v.b", "1")
				b.Files.Split = map[string][]byte{"tls.key": []byte("key")}
				mustCommit(t, s, a, b)
				lost := tt.lost
				if restart {
					mustClose(t, s)
				} else if strings.HasPrefix(tt.name, "manifest") {
					lost = "" // the store has it in memory
				}
				if err := tt.damage(dir); err != nil {
					t.Fatal(err)
				}
				if restart {
					var err error
					if s, _, err = open(dir, Options{}, 0, nil); err != nil {
						t.Fatal(err)
					}
				}
				readable := readAll(dir)
				for _, entries := range [][]Entry{{kept(a), kept(b)}, {kept(a), kept(b), pemEntry("v.c", "1")}} {
					result, err := s.Commit(entries)
					if errors.Is(err, os.ErrExist) { // the leftover is in the way of the first attempt
						result, err = s.Commit(entries)
					}
					if err != nil || strings.Join(result.Missing, " ") != lost {
						t.Fatalf("got missing %q, error %v; want missing %q", result.Missing, err, lost)
					}
					if !hasFiles(dir, readable) {
						t.Errorf("some of %d readable files are lost:\n%s", len(readable), tree(t, dir))
					}
				}
				mustCommit(t, s, a, b)
				mustCommit(t, s, a, b)
				repaired := map[string]string{"v.a": "pem of v.a 2\n", "v.a.2": "pem of v.a 2\n", "v.b": "pem of v.b 1\n", "v.b.d/tls.key": "key"}
				if !hasFiles(dir, repaired) {
					t.Errorf("the damage is not repaired:\n%s", tree(t, dir))
				}
				if restart {
					wantClean(t, dir, 1)
				}
				mustClose(t, s)
				if s = mustOpen(t, dir); len(s.Current()) != 2 {
					t.Errorf("after a restart, the store has %v, want two certificates", s.Current())
				}
			})
		}
	}
}

// readAll returns all files that a reader finds under the names that applications use.
func readAll(dir string) map[string]string {
	found := make(map[string]string)
	for _, name := range []string{"v.a", "v.a.2", "v.b", "v.b.1", "v.b.d/tls.key"} {
		if data, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
			found[name] = string(data)
		}
	}
	return found
}

func TestDamageIsReported(t *testing.T) {
	dir := memoryDir(t)
	s := mustOpen(t, dir)
	mustCommit(t, s, pemEntry("v.a", "1"), pemEntry("v.b", "1"))
	mustClose(t, s)
	if err := os.WriteFile(filepath.Join(dir, "v.a"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, warnings, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, s)
	if len(warnings) != 1 || !strings.Contains(warnings[0], "v.a: version 1") {
		t.Errorf("got warnings %q, want one about v.a", warnings)
	}
	if got := s.Current(); len(got) != 1 || got["v.b"].Version != "1" {
		t.Errorf("the store has %v, want version 1 of v.b", got)
	}
}

func TestDamagedPreviousVersionIsRemoved(t *testing.T) {
	dir := memoryDir(t)
	s := mustOpen(t, dir)
	mustCommit(t, s, pemEntry("v.a", "1"))
	mustCommit(t, s, pemEntry("v.a", "2"))
	if err := os.WriteFile(filepath.Join(dir, "v.a.1"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, s, pemEntry("v.a", "2"))
	if got := s.Current()["v.a"]; got.Version != "2" || got.Previous != "" {
		t.Errorf("the store has %v, want version 2 without a previous one", got)
	}
	if _, err := os.Lstat(filepath.Join(dir, "v.a.1")); err == nil {
		t.Error("the damaged file still exists")
	}
}

// TestKubeletVolume checks that the store rejects a directory that the kubelet manages in the same
// way.
func TestKubeletVolume(t *testing.T) {
	dir := memoryDir(t)
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "..2026_01_01_00_00_00.1"), 0o755),
		os.Symlink("..2026_01_01_00_00_00.1", filepath.Join(dir, dataLink))); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	_, _, err := Open(dir, Options{})
	wantReason(t, err, Conflict, os.ErrExist)
	wantTree(t, dir, before)
}

func TestOneProcessAtATime(t *testing.T) {
	dir := memoryDir(t)
	s := mustOpen(t, dir)
	_, _, err := Open(dir, Options{})
	wantReason(t, err, Locked, syscall.EWOULDBLOCK)
	mustClose(t, s)
	mustOpen(t, dir)
}

func TestStoreIsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := Open(path, Options{})
	var e *Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), path) {
		t.Errorf("got error %v, want one with the path %s", err, path)
	}
}

func wantReason(t *testing.T, err error, want Reason, cause error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Reason != want || !errors.Is(err, cause) {
		t.Fatalf("got error %v, want one with the reason %s and the cause %v", err, want, cause)
	}
	if e.Path == "" || strings.Contains(err.Error(), "pem of") {
		t.Errorf("the error lacks the path, or contains a file's content: %v", err)
	}
}
