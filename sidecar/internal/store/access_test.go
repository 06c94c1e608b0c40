package store

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// memoryDir returns a directory on a tmpfs, like the store of a pod. If the machine has no tmpfs,
// the directory is on a disk.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "certsync-") //nolint:usetesting // t.TempDir is on a disk
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestEncodeACL(t *testing.T) {
	got := encodeACL(Access{Mode: 0o600, ReadUsers: []uint32{2000, 1000, 2000}, ReadGroups: []uint32{3000}})
	want := "\x02\x00\x00\x00" + // version
		"\x01\x00\x06\x00\xff\xff\xff\xff" + // user::rw-
		"\x02\x00\x04\x00\xe8\x03\x00\x00" + // user:1000:r--
		"\x02\x00\x04\x00\xd0\x07\x00\x00" + // user:2000:r--
		"\x04\x00\x00\x00\xff\xff\xff\xff" + // group::---
		"\x08\x00\x04\x00\xb8\x0b\x00\x00" + // group:3000:r--
		"\x10\x00\x04\x00\xff\xff\xff\xff" + // mask::r--
		"\x20\x00\x00\x00\xff\xff\xff\xff" // other::---
	if string(got) != want {
		t.Errorf("got %x, want %x", got, want)
	}
}

// entryWith returns an entry with every kind of file and the given access.
func entryWith(access Access) Entry {
	e := pemEntry("v.a", "1")
	e.Files.Split = map[string][]byte{"tls.key": []byte("key")}
	e.Files.PKCS12 = []byte("p12")
	e.Access = access
	return e
}

var accessPaths = []string{"v.a", "v.a.1", "v.a.d/tls.key", "v.a.p12"}

// TestACL checks that the kernel grants access to the listed users and denies it to others.
func TestACL(t *testing.T) {
	needsRoot(t)
	dir := memoryDir(t)
	s := mustOpen(t, dir)
	group := uint32(4000)
	steps := []struct {
		name   string
		access Access
		want   map[[2]uint32]bool // whether user ID, group ID may read
	}{
		{"owner only", Access{Mode: 0o600}, map[[2]uint32]bool{{1000, 9}: false, {2000, 9}: false}},
		{"two users", Access{Mode: 0o600, ReadUsers: []uint32{1000, 2000}}, map[[2]uint32]bool{{1000, 9}: true, {2000, 9}: true, {3000, 9}: false}},
		{"one user removed", Access{Mode: 0o600, ReadUsers: []uint32{2000}}, map[[2]uint32]bool{{1000, 9}: false, {2000, 9}: true}},
		{"a group", Access{Mode: 0o600, ReadGroups: []uint32{5000}}, map[[2]uint32]bool{{2000, 9}: false, {1000, 5000}: true}},
		{"fsGroup", Access{Mode: 0o640, Group: &group}, map[[2]uint32]bool{{1000, 9}: false, {1000, 4000}: true, {1000, 5000}: false}},
		{"everyone", Access{Mode: 0o644}, map[[2]uint32]bool{{1000, 9}: true}},
	}
	for i, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			e := entryWith(step.access)
			if i%2 == 1 {
				e = kept(e)
			}
			if r := mustCommit(t, s, e); !r.Changed {
				t.Error("new access does not count as a change")
			}
			if r := mustCommit(t, s, e); r.Changed {
				t.Error("the same access counts as a change")
			}
			for _, path := range accessPaths {
				for id, want := range step.want {
					if got := canRead(t, filepath.Join(dir, path), id[0], id[1]); got != want {
						t.Errorf("user %d, group %d can read %s: got %v, want %v", id[0], id[1], path, got, want)
					}
				}
			}
		})
	}
}

// canRead reports whether a user can read the file. It runs as that user, so the test needs root.
func canRead(t *testing.T, path string, uid, gid uint32) bool {
	t.Helper()
	cat := exec.Command("cat", path)
	cat.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	out, err := cat.CombinedOutput()
	if err != nil && !strings.Contains(string(out), "Permission denied") {
		t.Fatalf("%v: %s", err, out)
	}
	return err == nil
}

// TestCarriedFilesDoNotShareNewPermissions checks that a new access gives a new file: a hard link
// would share the permissions of its inode.
func TestCarriedFilesDoNotShareNewPermissions(t *testing.T) {
	dir := memoryDir(t)
	s := mustOpen(t, dir)
	mustCommit(t, s, entryWith(Access{Mode: 0o644}))
	open, err := os.Open(filepath.Join(dir, "v.a"))
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	mustCommit(t, s, kept(entryWith(Access{Mode: 0o600})))
	if info, err := open.Stat(); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("the mode of the published file changed: %v, %v", info.Mode(), err)
	}
}

func TestSharedVersionIsReadByBoth(t *testing.T) {
	needsRoot(t)
	dir := memoryDir(t)
	s := mustOpen(t, dir)
	following, pinned := pemEntry("v.a", "1"), pemEntry("v.a", "1")
	following.Access = Access{Mode: 0o600, ReadUsers: []uint32{1000}}
	pinned.LinkName = "pinned"
	pinned.Access = Access{Mode: 0o600, ReadUsers: []uint32{2000}}
	mustCommit(t, s, following, pinned)
	for _, uid := range []uint32{1000, 2000} {
		for _, name := range []string{"v.a", "pinned", "v.a.1"} {
			if !canRead(t, filepath.Join(dir, name), uid, 9) {
				t.Errorf("user %d cannot read %s", uid, name)
			}
		}
	}
}

// TestUmaskAndSetgid checks that directories have mode 0755 regardless of the umask, and that files
// inherit the volume's group.
func TestUmaskAndSetgid(t *testing.T) {
	needsRoot(t)
	dir := memoryDir(t)
	if err := os.Chown(dir, -1, 4000); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755|os.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	defer unix.Umask(unix.Umask(0o077))
	s := mustOpen(t, dir)
	mustCommit(t, s, entryWith(Access{Mode: 0o640}))
	for _, path := range accessPaths {
		if !canRead(t, filepath.Join(dir, path), 1000, 4000) || canRead(t, filepath.Join(dir, path), 1000, 9) {
			t.Errorf("%s: the volume's group cannot read it, or others can", path)
		}
	}
}
