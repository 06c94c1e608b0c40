package store

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// needsRoot skips a test that mounts volumes or changes owners, with "go test -short".
func needsRoot(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs root, to mount volumes and to change owners")
	}
}

// onVolume runs body in a separate process, with a tmpfs on the directory that it passes to body.
// The mount is in the mount namespace of that process, and ends with it.
func onVolume(t *testing.T, options string, body func(dir string)) {
	t.Helper()
	const variable = "CERTSYNC_TEST_VOLUME"
	if dir := os.Getenv(variable); dir != "" {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
			t.Fatal(err)
		}
		body(dir)
		return
	}
	child := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), variable+"="+t.TempDir())
	child.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if out, err := child.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("PASS")) {
		t.Errorf("%v\n%s", err, out)
	}
}

func statfs(t *testing.T, dir string) (blocks, inodes uint64) {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	return st.Bfree, st.Ffree
}

// TestNoSpace checks that a full volume keeps its files, that failed attempts use no space, and
// that Commit works again as soon as space is free.
func TestNoSpace(t *testing.T) {
	needsRoot(t)
	onVolume(t, "size=256k", func(dir string) {
		s := mustOpen(t, dir)
		big := func(version string) Entry {
			e := pemEntry("v.a", version)
			e.Files.PEM = bytes.Repeat([]byte(version), 60<<10)
			return e
		}
		mustCommit(t, s, big("1"))
		filler := filepath.Join(dir, "filler")
		if err := os.WriteFile(filler, make([]byte, 150<<10), 0o600); err != nil {
			t.Fatal(err)
		}
		before := tree(t, dir)
		blocks, inodes := statfs(t, dir)
		for range 50 {
			_, err := s.Commit([]Entry{big("2")})
			wantReason(t, err, NoSpace, syscall.ENOSPC)
		}
		wantTree(t, dir, before)
		if b, i := statfs(t, dir); b != blocks || i != inodes {
			t.Errorf("failed attempts leaked %d blocks and %d inodes", blocks-b, inodes-i)
		}
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		if r := mustCommit(t, s, big("2")); !r.Changed {
			t.Error("with free space again, Commit reports no change")
		}
	})
}

// TestNoInodes uses a volume that has space but no free inodes.
func TestNoInodes(t *testing.T) {
	needsRoot(t)
	onVolume(t, "size=1m,nr_inodes=24", func(dir string) {
		s := mustOpen(t, dir)
		mustCommit(t, s, pemEntry("v.a", "1"))
		before := tree(t, dir)
		_, err := s.Commit([]Entry{pemEntry("v.a", "2"), pemEntry("v.b", "1"), pemEntry("v.c", "1"), pemEntry("v.d", "1"), pemEntry("v.e", "1")})
		wantReason(t, err, NoSpace, syscall.ENOSPC)
		wantTree(t, dir, before)
		mustCommit(t, s, pemEntry("v.a", "2"))
	})
}

// TestReplacedGenerationsYieldSpace checks that replaced generations are removed early if a new one
// needs their space.
func TestReplacedGenerationsYieldSpace(t *testing.T) {
	needsRoot(t)
	onVolume(t, "size=64k", func(dir string) {
		s := mustOpen(t, dir)
		s.gracePeriod = readerGracePeriod
		for i := range 40 {
			e := pemEntry("v.a", string(rune('a'+i%26)))
			e.Files.PEM = bytes.Repeat([]byte(e.Version), 6<<10)
			mustCommit(t, s, e)
		}
	})
}

// TestReadOnly checks that a volume that becomes read-only keeps its files.
func TestReadOnly(t *testing.T) {
	needsRoot(t)
	onVolume(t, "size=1m", func(dir string) {
		remount := func(flags uintptr) {
			t.Helper()
			if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT|flags, "size=1m"); err != nil {
				t.Fatal(err)
			}
		}
		s := mustOpen(t, dir)
		mustCommit(t, s, pemEntry("v.a", "1"))
		remount(unix.MS_RDONLY)
		before := tree(t, dir)
		if r := mustCommit(t, s, pemEntry("v.a", "1")); r.Changed {
			t.Error("Commit reports a change, but nothing changed")
		}
		_, err := s.Commit([]Entry{pemEntry("v.a", "2")})
		wantReason(t, err, ReadOnly, syscall.EROFS)
		if !strings.Contains(err.Error(), "make its file system writable") {
			t.Errorf("error %v lacks the remedy", err)
		}
		wantTree(t, dir, before)
		mustClose(t, s)
		s = mustOpen(t, dir)
		if got := s.Current()["v.a"].Version; got != "1" {
			t.Errorf("after a restart, the store has version %q, want 1", got)
		}
		remount(0)
		mustCommit(t, s, pemEntry("v.a", "2"))
	})
}

// TestDenied runs as the sidecar's user on a directory of another user.
func TestDenied(t *testing.T) {
	needsRoot(t)
	const variable = "CERTSYNC_TEST_DENIED"
	if dir := os.Getenv(variable); dir != "" {
		s := mustOpen(t, dir)
		_, err := s.Commit([]Entry{pemEntry("v.a", "1")})
		wantReason(t, err, Denied, syscall.EACCES)
		if !strings.Contains(err.Error(), "65532") {
			t.Errorf("error %v lacks the user ID that needs the permission", err)
		}
		_, _, err = Open(filepath.Join(dir, "new"), Options{})
		wantReason(t, err, Denied, syscall.EACCES)
		return
	}
	dir := memoryDir(t)
	child := exec.Command("/proc/self/exe", "-test.run=^TestDenied$")
	child.Dir = dir
	child.Env = append(os.Environ(), variable+"="+dir)
	child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
	if out, err := child.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("PASS")) {
		t.Errorf("%v\n%s", err, out)
	}
	wantTree(t, dir, "")
}
