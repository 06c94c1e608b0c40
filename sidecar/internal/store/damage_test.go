package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestDamage: whatever happened to the directory, the store says what is lost and makes it good.
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
		lost   string // link names of what cannot be kept
	}{
		{"file changed", write(generation+"v.a.2", "something else"), "v.a"},
		{"file cut off", write(generation+"v.b.1", ""), "v.b"},
		{"file removed", remove(generation + "v.a.2"), "v.a"},
		{"split file removed", remove(generation + "v.b.d/tls.key"), "v.b"},
		{"file replaced by a link", relink(generation+"v.a.2", "v.b.1"), "v.a"},
		{"link inside removed", remove(generation + "v.a"), "v.a"},
		{"link inside bent", relink(generation+"v.a", "v.b.1"), "v.a"},
		{"manifest removed", remove(generation + manifestName), "v.a v.b"},
		{"manifest damaged", write(generation+manifestName, `{"certificates": [{`), "v.a v.b"},
		{"manifest of nothing", write(generation+manifestName, `null`), "v.a v.b"},
		{"..data removed", remove(dataLink), "v.a v.b"},
		{"generation removed", remove(generation), "v.a v.b"},
		{"..data leads nowhere", relink(dataLink, "..0000000009"), "v.a v.b"},
		{"top-level link removed", remove("v.a"), ""},
		{"file rewritten as it was", write(generation+"v.b.1", "pem of v.b 1\n"), ""},
		{"leftover link", relink(dataTemp, "..0000000002"), ""},
		{"leftover generation", func(dir string) error { return os.MkdirAll(filepath.Join(dir, "..0000000002/v.a.d"), 0o755) }, ""},
		{"dead top-level link", relink("v.old", "..data/v.old"), ""},
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
					lost = "" // it is still in memory
				}
				if err := tt.damage(dir); err != nil {
					t.Fatal(err)
				}
				if restart {
					var err error
					if s, _, err = Open(dir); err != nil {
						t.Fatal(err)
					}
					s.grace = 0
				}
				readable := readAll(dir)
				for _, entries := range [][]Entry{{kept(a), kept(b)}, {kept(a), kept(b), pemEntry("v.c", "1")}} {
					result, err := s.Commit(entries)
					if errors.Is(err, os.ErrExist) { // what was left over is in the way, once
						result, err = s.Commit(entries)
					}
					if err != nil || strings.Join(result.Missing, " ") != lost {
						t.Fatalf("lost %q, %v; want %q", result.Missing, err, lost)
					}
					if !has(dir, readable) {
						t.Errorf("%d files could be read, and now can not all be:\n%s", len(readable), tree(t, dir))
					}
				}
				mustCommit(t, s, a, b)
				mustCommit(t, s, a, b)
				if !has(dir, map[string]string{"v.a": "pem of v.a 2\n", "v.a.2": "pem of v.a 2\n", "v.b": "pem of v.b 1\n", "v.b.d/tls.key": "key"}) {
					t.Errorf("it was not made good:\n%s", tree(t, dir))
				}
				if restart {
					wantClean(t, dir, 1)
				}
				mustClose(t, s)
				if s = mustOpen(t, dir); len(s.Current()) != 2 {
					t.Errorf("the next restart finds %v", s.Current())
				}
			})
		}
	}
}

// readAll is what a reader finds under the names that applications use, whatever it is.
func readAll(dir string) map[string]string {
	found := make(map[string]string)
	for _, name := range []string{"v.a", "v.a.2", "v.b", "v.b.1", "v.b.d/tls.key"} {
		if data, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
			found[name] = string(data)
		}
	}
	return found
}

// TestDamageIsTold: the owner of the pod learns what was found.
func TestDamageIsTold(t *testing.T) {
	dir := memoryDir(t)
	s := mustOpen(t, dir)
	mustCommit(t, s, pemEntry("v.a", "1"), pemEntry("v.b", "1"))
	mustClose(t, s)
	if err := os.WriteFile(filepath.Join(dir, "v.a"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, warnings, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, s)
	if len(warnings) != 1 || !strings.Contains(warnings[0], "v.a: version 1") {
		t.Errorf("warnings: %q", warnings)
	}
	if got := s.Current(); len(got) != 1 || got["v.b"].Version != "1" {
		t.Errorf("in the store: %v", got)
	}
}

func TestDamagedPreviousVersionIsForgotten(t *testing.T) {
	dir := memoryDir(t)
	s := mustOpen(t, dir)
	mustCommit(t, s, pemEntry("v.a", "1"))
	mustCommit(t, s, pemEntry("v.a", "2"))
	if err := os.WriteFile(filepath.Join(dir, "v.a.1"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, s, pemEntry("v.a", "2"))
	if got := s.Current()["v.a"]; got.Version != "2" || got.Previous != "" {
		t.Errorf("in the store: %v", got)
	}
	if _, err := os.Lstat(filepath.Join(dir, "v.a.1")); err == nil {
		t.Error("the damaged file is still there")
	}
}

// TestForeignFiles: what the store did not make stays, and is an error where it is in the way.
func TestForeignFiles(t *testing.T) {
	for name, foreign := range map[string]func(path string) error{
		"file":      func(path string) error { return os.WriteFile(path, []byte("mine"), 0o600) },
		"directory": func(path string) error { return os.Mkdir(path, 0o755) },
		"link":      func(path string) error { return os.Symlink("v.a.1", path) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := memoryDir(t)
			for _, free := range []string{"mine", "..mine", "..123", "v.b"} {
				if err := foreign(filepath.Join(dir, free)); err != nil {
					t.Fatal(err)
				}
			}
			before := tree(t, dir)
			s := mustOpen(t, dir)
			_, err := s.Commit([]Entry{pemEntry("v.a", "1"), pemEntry("v.b", "1")})
			wantReason(t, err, Conflict, os.ErrExist)
			wantTree(t, dir, before)
			mustCommit(t, s, pemEntry("v.a", "1"))
			if err := os.RemoveAll(filepath.Join(dir, "v.b")); err != nil {
				t.Fatal(err)
			}
			mustCommit(t, s, pemEntry("v.a", "1"), pemEntry("v.b", "1"))
			for _, free := range []string{"mine", "..mine", "..123"} {
				if _, err := os.Lstat(filepath.Join(dir, free)); err != nil {
					t.Errorf("%s is gone: %v", free, err)
				}
			}
		})
	}
}

// TestVolumeOfSomethingElse: a directory that the kubelet manages in the same way is not taken over.
func TestVolumeOfSomethingElse(t *testing.T) {
	dir := memoryDir(t)
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "..2026_01_01_00_00_00.1"), 0o755),
		os.Symlink("..2026_01_01_00_00_00.1", filepath.Join(dir, dataLink))); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	_, _, err := Open(dir)
	wantReason(t, err, Conflict, os.ErrExist)
	wantTree(t, dir, before)
}

func TestOneProcessAtATime(t *testing.T) {
	dir := memoryDir(t)
	s := mustOpen(t, dir)
	_, _, err := Open(dir)
	wantReason(t, err, Locked, syscall.EWOULDBLOCK)
	mustClose(t, s)
	mustOpen(t, dir)
}

func TestStoreIsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := Open(path)
	var e *Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v", err)
	}
}

func wantReason(t *testing.T, err error, want Reason, cause error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Reason != want || !errors.Is(err, cause) {
		t.Fatalf("error %v, want one with reason %s and cause %v", err, want, cause)
	}
	if e.Path == "" || strings.Contains(err.Error(), "pem of") {
		t.Errorf("the error says no path, or quotes a file: %v", err)
	}
}
