package store

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestUnlistedFilesAreKept checks that a store without its manifest keeps the files of all entries
// until it can replace them, even if other certificates change several times, and keeps nothing
// else.
func TestUnlistedFilesAreKept(t *testing.T) {
	dir := memoryDir(t)
	s := mustOpen(t, dir)
	b := pemEntry("v.b", "1")
	b.Files.Split, b.Files.JKS = map[string][]byte{"tls.key": []byte("key")}, []byte("jks")
	mustCommit(t, s, pemEntry("v.a", "1"), b, pemEntry("v.gone", "1"))
	mustClose(t, s)
	if err := os.Remove(filepath.Join(dir, dataLink, manifestName)); err != nil {
		t.Fatal(err)
	}
	s, warnings, err := open(dir, Options{}, 0, nil)
	if err != nil || len(warnings) != 1 || len(s.Current()) != 0 {
		t.Fatalf("without its manifest: got %v, warnings %q, error %v; want no certificates and one warning", s.Current(), warnings, err)
	}
	notFetched := kept(b)
	notFetched.Version = ""
	for _, version := range []string{"2", "3", "3"} {
		r := mustCommit(t, s, pemEntry("v.a", version), notFetched, kept(Entry{FileName: "v.new", LinkName: "v.new"}))
		if len(r.Missing) > 0 {
			t.Errorf("got missing %q, want none", r.Missing)
		}
	}
	wantTree(t, dir, `
..0000000003/ 0755
..0000000003/.certsync.json 0600
..0000000003/v.a -> v.a.3
..0000000003/v.a.2 0600 pem of v.a 2
..0000000003/v.a.3 0600 pem of v.a 3
..0000000003/v.b -> v.b.1
..0000000003/v.b.1 0600 pem of v.b 1
..0000000003/v.b.d/ 0755
..0000000003/v.b.d/tls.key 0600 key
..0000000003/v.b.jks 0600 jks
..data -> ..0000000003
v.a -> ..data/v.a
v.a.2 -> ..data/v.a.2
v.a.3 -> ..data/v.a.3
v.b -> ..data/v.b
v.b.1 -> ..data/v.b.1
v.b.d/ 0755
v.b.d/..data -> ../..data/v.b.d
v.b.d/tls.key -> ..data/tls.key
v.b.jks -> ..data/v.b.jks
`)
	mustClose(t, s)
	s = mustOpen(t, dir)
	if got := s.Current(); len(got) != 1 || got["v.a"].Version != "3" {
		t.Errorf("after a restart, the store has %v, want version 3 of v.a", got)
	}
	if r := mustCommit(t, s, pemEntry("v.a", "3"), notFetched); r.Changed {
		t.Error("Commit reports a change, but nothing changed")
	}
	mustCommit(t, s, pemEntry("v.a", "3"), b)
	if got := s.Current()["v.b"]; got.Version != "1" {
		t.Errorf("after the fetch, the store has %v, want version 1 of v.b", got)
	}
	// Files without an entry are removed, listed or not.
	mustCommit(t, s, pemEntry("v.a", "3"))
	mustCommit(t, s, pemEntry("v.a", "3"))
	if names := topNames(t, dir); cmp.Diff(names, []string{"..0000000005", "..data", "v.a", "v.a.2", "v.a.3"}) != "" {
		t.Errorf("the store has %q", names)
	}
}

func TestDamagedFilesWithoutEntryAreRemoved(t *testing.T) {
	dir := memoryDir(t)
	s := mustOpen(t, dir)
	mustCommit(t, s, pemEntry("v.a", "1"), pemEntry("v.b", "1"))
	if err := os.WriteFile(filepath.Join(dir, "v.b"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Commit([]Entry{pemEntry("v.a", "2"), kept(pemEntry("v.b", "1"))}); err != nil || len(r.Missing) != 1 {
		t.Fatalf("got missing %q, error %v; want v.b missing", r.Missing, err)
	}
	mustCommit(t, s, pemEntry("v.a", "2"))
	mustCommit(t, s, pemEntry("v.a", "2"))
	if names := topNames(t, dir); cmp.Diff(names, []string{"..0000000003", "..data", "v.a", "v.a.1", "v.a.2"}) != "" {
		t.Errorf("the store has %q", names)
	}
}

// TestLongNameWithoutFiles checks that a link name may have the maximum length, without room for
// suffixes, while the entry has no files.
func TestLongNameWithoutFiles(t *testing.T) {
	s := mustOpen(t, memoryDir(t))
	mustCommit(t, s, pemEntry("v.a", "1"))
	long := Entry{FileName: "v.b", LinkName: strings.Repeat("x", maxNameBytes)}
	if r := mustCommit(t, s, pemEntry("v.a", "2"), long); !r.Changed {
		t.Error("Commit reports no change")
	}
}

func topNames(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestKeepAccess checks that KeepAccess keeps the current permissions, even if the file system does
// not support hard links.
func TestKeepAccess(t *testing.T) {
	needsRoot(t)
	for name, failing := range map[string]string{"linked": "", "copied": "link"} {
		t.Run(name, func(t *testing.T) {
			dir := memoryDir(t)
			s := mustOpen(t, dir)
			group := uint32(4000)
			e := entryWith(Access{Mode: 0o640, Group: &group, ReadUsers: []uint32{1000}})
			mustCommit(t, s, e)
			s.fs.beforeChange = func(op, _ string) error {
				if op == failing {
					return syscall.EOPNOTSUPP
				}
				return nil
			}
			e = kept(e)
			e.Access, e.KeepAccess = Access{Mode: 0o600}, true
			if r := mustCommit(t, s, e); r.Changed {
				t.Error("Commit reports a change, but the access is the same")
			}
			mustCommit(t, s, e, pemEntry("v.b", "1"))
			for _, path := range accessPaths {
				for id, want := range map[[2]uint32]bool{{1000, 9}: true, {2000, 4000}: true, {2000, 9}: false} {
					if got := canRead(t, filepath.Join(dir, path), id[0], id[1]); got != want {
						t.Errorf("user %d, group %d can read %s: got %v, want %v", id[0], id[1], path, got, want)
					}
				}
			}
			if s.Current()["v.a"].Version != "1" {
				t.Errorf("the store has %v, want version 1 of v.a", s.Current())
			}
		})
	}
}
