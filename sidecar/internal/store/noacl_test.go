package store

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// wantMode checks the mode of all files of entryWith.
func wantMode(t *testing.T, dir string, mode os.FileMode) {
	t.Helper()
	for _, path := range accessPaths {
		if info, err := os.Stat(filepath.Join(dir, path)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v; want mode %04o", path, info.Mode(), err, mode)
		}
	}
}

// commitWithoutACL commits twice, and checks that only the first Commit changes something and that
// both return one warning with these texts.
func commitWithoutACL(t *testing.T, s *Store, e Entry, want ...string) {
	t.Helper()
	for _, changed := range []bool{true, false} {
		r, err := s.Commit([]Entry{e})
		if err != nil || r.Changed != changed {
			t.Fatalf("got changed %v, error %v; want changed %v", r.Changed, err, changed)
		}
		if len(r.Warnings) != 1 {
			t.Fatalf("got warnings %q, want one", r.Warnings)
		}
		for _, text := range want {
			if !strings.Contains(r.Warnings[0], text) {
				t.Errorf("got the warning %q, want one with %q", r.Warnings[0], text)
			}
		}
	}
}

// TestNoACLSupport uses a file system that accepts a query for an ACL but refuses to set one.
func TestNoACLSupport(t *testing.T) {
	for _, test := range []struct {
		options Options
		mode    os.FileMode
		warning string
	}{
		{Options{}, 0o644, "readable by every user"},
		{Options{Private: true}, 0o600, "these users cannot read them"},
	} {
		for _, requested := range []uint32{0o600, 0o644} {
			dir := memoryDir(t)
			s := mustOpen(t, dir)
			s.options = test.options
			s.fs.beforeChange = func(op, _ string) error {
				if op == "setfacl" {
					return syscall.EOPNOTSUPP
				}
				return nil
			}
			commitWithoutACL(t, s, entryWith(Access{Mode: requested, ReadUsers: []uint32{1000}}), test.warning, dir)
			wantMode(t, dir, test.mode)
			wantClean(t, dir, 1)
		}
	}
}

// TestPrivateNamesTheFileSystem uses a real file system without ACLs. A store on a host closes
// files that an earlier version left open, names the file system, and opens a mode that needs no
// ACL.
func TestPrivateNamesTheFileSystem(t *testing.T) {
	needsRoot(t)
	onVolume(t, "", func(volume string) {
		dir := filepath.Join(volume, "with a space", "store")
		if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount("none", filepath.Dir(dir), "ramfs", 0, ""); err != nil {
			t.Fatal(err)
		}
		s := mustOpen(t, dir)
		e := entryWith(Access{Mode: 0o600, ReadUsers: []uint32{1000}})
		commitWithoutACL(t, s, e, "readable by every user")
		wantMode(t, dir, 0o644)
		mustClose(t, s)

		s, _, err := Open(dir, Options{Private: true})
		if err != nil {
			t.Fatal(err)
		}
		commitWithoutACL(t, s, kept(e), "0600", "(ramfs, mounted at "+filepath.Dir(dir)+")", "move certificateStoreLocation")
		wantMode(t, dir, 0o600)

		mustCommit(t, s, kept(entryWith(Access{Mode: 0o640})))
		wantMode(t, dir, 0o640)
		mustClose(t, s)
	})
}

func TestFindMount(t *testing.T) {
	const list = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw
30 22 0:25 / /mnt rw shared:2 - nfs4 server:/export rw
31 22 0:26 / /mnt/a\040b rw - vfat /dev/sdb1 rw
32 22 0:27 / /mnt/twice rw - ext4 /dev/sdc1 rw
33 22 0:28 / /mnt/twice rw - exfat /dev/sdd1 rw
damaged line
34 22 0:29 / /mnt/incomplete rw -
`
	for path, want := range map[string][2]string{
		"/var/lib/store":        {"ext4", "/"},
		"/":                     {"ext4", "/"},
		"/mnt":                  {"nfs4", "/mnt"},
		"/mntx":                 {"ext4", "/"},
		"/mnt/a b/store":        {"vfat", "/mnt/a b"},
		"/mnt/a bc":             {"nfs4", "/mnt"},
		"/mnt/twice/store":      {"exfat", "/mnt/twice"},
		"/mnt/incomplete/store": {"nfs4", "/mnt"},
	} {
		if kind, point := findMount(list, path); kind != want[0] || point != want[1] {
			t.Errorf("%s: got %s at %s, want %s at %s", path, kind, point, want[0], want[1])
		}
	}
	if kind, _ := findMount("", "/"); kind != "" {
		t.Errorf("without a list: got %s", kind)
	}
}
