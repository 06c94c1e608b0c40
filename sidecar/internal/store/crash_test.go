package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The change that is interrupted at every point: a is renewed, b is carried forward, c is removed,
// d is new, and e is copied because its access changes.
func crashBefore() []Entry {
	return []Entry{pemEntry("v.a", "1"), pemEntry("v.b", "1"), pemEntry("v.c", "1"), pemEntry("v.e", "1")}
}

func crashAfter() []Entry {
	a, d, e := pemEntry("v.a", "2"), pemEntry("v.d", "1"), kept(pemEntry("v.e", "1"))
	a.Files.Split = map[string][]byte{"tls.crt": []byte("crt"), "tls.key": []byte("key")}
	a.Files.KeyID = map[string][]byte{SuffixChain: []byte("chain"), SuffixKey: []byte("keyid"), SuffixMetadata: []byte("metadata")}
	group := uint32(4000)
	e.Access = Access{Mode: 0o640, Group: &group, ReadUsers: []uint32{1000}}
	return []Entry{a, kept(pemEntry("v.b", "1")), d, e}
}

var (
	crashOld = map[string]string{"v.a": "pem of v.a 1\n", "v.b": "pem of v.b 1\n", "v.c": "pem of v.c 1\n", "v.e": "pem of v.e 1\n"}
	crashNew = map[string]string{"v.a": "pem of v.a 2\n", "v.b": "pem of v.b 1\n", "v.d": "pem of v.d 1\n", "v.e": "pem of v.e 1\n",
		"v.a.1": "pem of v.a 1\n", "v.a.d/tls.crt": "crt", "v.a.d/tls.key": "key", "v.a.pem": "chain", "v.a.keyid": "keyid", "v.a.luma": "metadata"}
)

// hasFiles reports whether a reader finds all of these files under the names that applications use.
func hasFiles(dir string, files map[string]string) bool {
	for name, want := range files {
		if data, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(data) != want {
			return false
		}
	}
	return true
}

// wantOldOrNew checks that a reader sees the old or the new files, and returns true for new.
func wantOldOrNew(t *testing.T, dir string) bool {
	t.Helper()
	isOld, isNew := hasFiles(dir, crashOld), hasFiles(dir, crashNew)
	if isOld == isNew {
		t.Fatalf("a reader sees neither exactly the old nor exactly the new files:\n%s", tree(t, dir))
	}
	return isNew
}

// wantClean checks that the store has no leftovers, and at most this number of generations.
func wantClean(t *testing.T, dir string, atMost int) {
	t.Helper()
	for _, name := range topNames(t, dir) {
		switch {
		case generationNumber(name) > 0:
		case name == dataTemp, name == linkTemp, name == viewTemp:
			t.Errorf("%s is a leftover", name)
		default:
			wantNoDangling(t, filepath.Join(dir, name))
		}
	}
	if found := generations(t, dir); found > atMost {
		t.Errorf("got %d generations, want at most %d:\n%s", found, atMost, tree(t, dir))
	}
}

// wantNoDangling checks a link, or the links in a view.
func wantNoDangling(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Errorf("the link %s dangles", path)
		return
	}
	if info.IsDir() {
		for _, name := range topNames(t, path) {
			if _, err := os.Stat(filepath.Join(path, name)); err != nil {
				t.Errorf("the link %s in %s dangles", name, path)
			}
		}
	}
}

func generations(t *testing.T, dir string) (n int) {
	t.Helper()
	for _, name := range topNames(t, dir) {
		if generationNumber(name) > 0 {
			n++
		}
	}
	return n
}

// TestFailAtEveryOperation lets each file operation fail once, in a separate run.
func TestFailAtEveryOperation(t *testing.T) {
	needsRoot(t)
	for n := 1; ; n++ {
		dir := memoryDir(t)
		s := mustOpen(t, dir)
		mustCommit(t, s, crashBefore()...)
		mustCommit(t, s, crashBefore()...)
		count, failed := 0, ""
		s.fs.beforeChange = func(op, name string) error {
			if count++; count == n {
				failed = op + " " + name
				return syscall.EIO
			}
			return nil
		}
		result, err := s.Commit(crashAfter())
		s.fs.beforeChange = nil
		if failed == "" {
			if err != nil || n < 30 {
				t.Fatalf("without a failure, after %d operations: error %v", n-1, err)
			}
			return
		}
		isNew := wantOldOrNew(t, dir)
		var e *Error
		switch {
		case err != nil && (!errors.As(err, &e) || !errors.Is(err, syscall.EIO) || isNew):
			t.Errorf("%s fails: got new files %v, error %v; want the old files and EIO", failed, isNew, err)
		case err == nil && !isNew:
			t.Errorf("%s fails: Commit reports success, but the old files are published", failed)
		case err == nil && len(result.Warnings) == 0 && !strings.HasPrefix(failed, "link "):
			t.Errorf("%s fails: Commit reports neither an error nor a warning", failed)
		case err != nil:
			wantClean(t, dir, 1)
		}
		wantRecovers(t, s, dir)
	}
}

// wantRecovers checks that the change succeeds when it is repeated.
func wantRecovers(t *testing.T, s *Store, dir string) {
	t.Helper()
	mustCommit(t, s, crashAfter()...)
	mustCommit(t, s, crashAfter()...)
	if !wantOldOrNew(t, dir) {
		t.Error("the repeated change did not succeed")
	}
	wantClean(t, dir, 1)
	mustClose(t, s)
}

// TestFailFromAnyOperationOn lets all file operations from the n-th on fail, so that nothing can be
// cleaned up.
func TestFailFromAnyOperationOn(t *testing.T) {
	needsRoot(t)
	for n := 1; ; n++ {
		dir := memoryDir(t)
		s := mustOpen(t, dir)
		mustCommit(t, s, crashBefore()...)
		count := 0
		s.fs.beforeChange = func(string, string) error {
			if count++; count >= n {
				return syscall.EROFS
			}
			return nil
		}
		_, err := s.Commit(crashAfter())
		mustClose(t, s)
		isNew := wantOldOrNew(t, dir)
		if (err == nil) != isNew {
			t.Errorf("all operations from %d on fail: got new files %v, error %v", n, isNew, err)
		}
		s = mustOpen(t, dir)
		wantClean(t, dir, 1)
		wantRecovers(t, s, dir)
		if count < n {
			return
		}
	}
}
