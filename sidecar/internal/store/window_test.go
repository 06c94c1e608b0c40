package store

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// owningGroup is the group of the directory of TestNobodyReadsEarly, and so of the files in it.
const owningGroup = 4000

// observers are the users that try to read, by user ID and group ID: the users and groups that
// entries name, a member of the owning group, and a stranger.
var observers = [][2]uint32{{1000, 9}, {2000, 9}, {9, 5000}, {9, 6000}, {9, owningGroup}, {7777, 7777}}

type reading struct {
	generation, name string
	observer         [2]uint32
}

// readable returns which files with content each observer can read. It asks the kernel, in processes
// of these users.
func readable(t *testing.T, dir string) (found []reading) {
	t.Helper()
	for _, observer := range observers {
		find := exec.Command("find", dir, "-type", "f", "!", "-empty", "-readable", "-printf", "%P\n")
		find.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: observer[0], Gid: observer[1]}}
		out, err := find.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for _, file := range strings.Fields(string(out)) {
			generation, name, _ := strings.Cut(file, "/")
			found = append(found, reading{generation, name, observer})
		}
	}
	return found
}

// published returns which files of the current generation each observer can read, by name and
// observer.
func published(t *testing.T, dir string) (found []reading) {
	t.Helper()
	current, err := os.Readlink(filepath.Join(dir, dataLink))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range readable(t, dir) {
		if r.generation == current {
			r.generation = ""
			found = append(found, r)
		}
	}
	return found
}

// A change of the store whose files are observed, from the state that before leaves.
type windowCase struct {
	options       Options
	noACL         bool // the file system refuses to set ACLs
	defaultACL    bool // the directory has a default ACL, which new files inherit
	noLinks       bool // the file system refuses hard links
	before, after []Entry
	// want are the observers that can read v.a at the end.
	want [][2]uint32
}

func windowCases() map[string]windowCase {
	owner := Access{Mode: 0o600}
	users := Access{Mode: 0o600, ReadUsers: []uint32{1000}}
	group := Access{Mode: 0o600, ReadGroups: []uint32{5000}}
	fsGroup := uint32(6000)
	other := Access{Mode: 0o640, Group: &fsGroup, ReadUsers: []uint32{1000}}
	keep := kept(entryWith(Access{}))
	keep.KeepAccess = true
	newVersion := func(a Access) Entry {
		e := entryWith(a)
		e.Version, e.Files.PEM, e.Files.JKS = "2", []byte("new"), []byte("jks")
		return e
	}
	pinned := pemEntry("v.a", "1")
	pinned.LinkName, pinned.Access = "pinned", group
	user1, group5, group6 := [2]uint32{1000, 9}, [2]uint32{9, 5000}, [2]uint32{9, 6000}
	return map[string]windowCase{
		"new, owner only":       {after: []Entry{entryWith(owner)}},
		"new, user":             {after: []Entry{entryWith(users)}, want: [][2]uint32{user1}},
		"new, group":            {after: []Entry{entryWith(group)}, want: [][2]uint32{group5}},
		"new, user and fsGroup": {after: []Entry{entryWith(other)}, want: [][2]uint32{user1, group6}},
		"new, inherited ACL":    {defaultACL: true, after: []Entry{entryWith(owner)}},
		"new, mode 0640, inherited ACL": {defaultACL: true, after: []Entry{entryWith(Access{Mode: 0o640})},
			want: [][2]uint32{{9, owningGroup}}},
		"new, user, inherited ACL": {defaultACL: true, after: []Entry{entryWith(users)}, want: [][2]uint32{user1}},
		"renewed, previous version copied with another ACL": {before: []Entry{entryWith(owner)},
			after: []Entry{newVersion(users)}, want: [][2]uint32{user1}},
		"copied, ACL set":       {before: []Entry{entryWith(owner)}, after: []Entry{kept(entryWith(group))}, want: [][2]uint32{group5}},
		"copied, ACL removed":   {before: []Entry{entryWith(users)}, after: []Entry{kept(entryWith(owner))}},
		"copied, group changed": {before: []Entry{entryWith(users)}, after: []Entry{kept(entryWith(other))}, want: [][2]uint32{user1, group6}},
		"copied, no links":      {noLinks: true, before: []Entry{entryWith(users)}, after: []Entry{keep, pemEntry("v.b", "1")}, want: [][2]uint32{user1}},
		"linked":                {before: []Entry{entryWith(users)}, after: []Entry{keep, pemEntry("v.b", "1")}, want: [][2]uint32{user1}},
		"shared by two entries": {after: []Entry{entryWith(users), pinned}, want: [][2]uint32{user1, group5}},
		"no ACLs, on a host":    {noACL: true, options: Options{Private: true}, after: []Entry{entryWith(other)}},
		"no ACLs, in a pod":     {noACL: true, after: []Entry{entryWith(users)}, want: observers},
	}
}

// TestNobodyReadsEarly stops a store before each of its file operations. At none of these moments
// can anyone read a new file that this user cannot read at the end.
func TestNobodyReadsEarly(t *testing.T) {
	needsRoot(t)
	for name, test := range windowCases() {
		t.Run(name, func(t *testing.T) {
			dir := windowDir(t, test)
			s := mustOpen(t, dir)
			s.options = test.options
			if test.before != nil {
				mustCommit(t, s, test.before...)
			}
			old, err := os.Readlink(filepath.Join(dir, dataLink))
			if err != nil {
				old = "none"
			}
			var early []reading
			operations := make(map[string]bool)
			s.fs.beforeChange = func(op, name string) error {
				early = append(early, readable(t, dir)...)
				operations[op] = true
				switch {
				case test.noACL && op == "setfacl":
					return syscall.EOPNOTSUPP
				case test.noLinks && op == "link":
					return syscall.EPERM
				}
				return nil
			}
			if _, err := s.Commit(test.after); err != nil {
				t.Fatal(err)
			}
			s.fs.beforeChange = nil
			if len(operations) < 6 {
				t.Errorf("only the operations %v were observed", operations)
			}
			atEnd := published(t, dir)
			for _, r := range early {
				if r.generation != old && !slices.Contains(atEnd, reading{"", r.name, r.observer}) {
					t.Errorf("user %d, group %d can read %s before the store is complete, but not after", r.observer[0], r.observer[1], r.name)
				}
			}
			wantReaders(t, dir, atEnd, test.want)
			if r, err := s.Commit(withoutFiles(test.after)); err != nil || r.Changed {
				t.Errorf("the same entries change the store again: %v, %v", r, err)
			}
		})
	}
}

// withoutFiles returns the entries without their files: the second Commit keeps what the first one wrote.
func withoutFiles(entries []Entry) (out []Entry) {
	for _, e := range entries {
		out = append(out, kept(e))
	}
	return out
}

// wantReaders checks who can read the files that v.a has at the end.
func wantReaders(t *testing.T, dir string, atEnd []reading, want [][2]uint32) {
	t.Helper()
	target, err := os.Readlink(filepath.Join(dir, dataLink, "v.a"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{target, path.Join("v.a.d", "tls.key"), "v.a.p12"} {
		for _, observer := range observers {
			// "pinned" shares only the PEM file.
			shared := name != target && observer[1] == 5000 && len(want) == 2 && want[1][1] == 5000
			may := slices.Contains(want, observer) && !shared
			if can := slices.Contains(atEnd, reading{"", name, observer}); can != may {
				t.Errorf("at the end, user %d, group %d can read %s: %v, want %v", observer[0], observer[1], name, can, may)
			}
		}
	}
}

// windowDir returns a directory on a tmpfs whose group new files inherit.
func windowDir(t *testing.T, test windowCase) string {
	t.Helper()
	dir := memoryDir(t)
	if err := os.Chown(dir, -1, owningGroup); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755|os.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	if test.defaultACL {
		acl := encodeACL(Access{Mode: 0o755, ReadUsers: []uint32{2000}, ReadGroups: []uint32{6000}})
		if err := unix.Setxattr(dir, "system.posix_acl_default", acl, 0); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
