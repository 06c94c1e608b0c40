package store

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// allFiles returns an entry in all formats.
func allFiles(name, version string) Entry {
	e := pemEntry(name, version)
	text := func(kind string) []byte { return []byte(kind + " of " + name + " " + version + "\n") }
	e.Files.Split = map[string][]byte{"tls.crt": text("crt"), "tls.key": text("key")}
	e.Files.PKCS12, e.Files.JKS = text("p12"), text("jks")
	e.Files.KeyID = map[string][]byte{SuffixChain: text("chain"), SuffixKey: text("keyid"), SuffixMetadata: text("metadata")}
	return e
}

// publicFiles returns what applications find of allFiles.
func publicFiles(name, version string) map[string]string {
	files := make(map[string]string)
	for file, kind := range map[string]string{
		"": "pem", ".d/tls.crt": "crt", ".d/tls.key": "key", ".p12": "p12", ".jks": "jks",
		SuffixChain: "chain", SuffixKey: "keyid", SuffixMetadata: "metadata",
	} {
		files[name+file] = kind + " of " + name + " " + version + "\n"
	}
	return files
}

// foreign are things that other programs create.
var foreign = map[string]func(path string) error{
	"file":            func(path string) error { return os.WriteFile(path, []byte("mine"), 0o600) },
	"empty directory": func(path string) error { return os.Mkdir(path, 0o755) },
	"directory":       func(path string) error { return os.MkdirAll(filepath.Join(path, "tls.crt"), 0o755) },
	"link":            func(path string) error { return os.Symlink("mine", path) },
	"link elsewhere":  func(path string) error { return os.Symlink("/etc", path) },
	"FIFO":            func(path string) error { return syscall.Mkfifo(path, 0o600) },
	"socket":          func(path string) error { return unix.Mknod(path, unix.S_IFSOCK|0o600, 0) },
}

// TestForeignNames checks, for each name of a certificate, that something foreign with that name
// stays, and blocks only this certificate: before its first version, and before a renewal.
func TestForeignNames(t *testing.T) {
	for kind, create := range foreign {
		for name := range publicFiles("v.a", "1") {
			for _, renewal := range []bool{false, true} {
				t.Run(kind+" at "+name, func(t *testing.T) { testForeign(t, filepath.Dir(name)+"/"+filepath.Base(name), create, renewal) })
			}
		}
	}
}

func testForeign(t *testing.T, name string, create func(path string) error, renewal bool) {
	dir := memoryDir(t)
	s := mustOpen(t, dir)
	path := filepath.Join(dir, name)
	var kept map[string]string
	if renewal {
		mustCommit(t, s, allFiles("v.a", "1"), allFiles("v.b", "1"))
		kept = publicFiles("v.a", "1")
		delete(kept, filepath.Clean(name))
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	} else if parent := filepath.Dir(path); parent != dir {
		path = parent // there is no directory of the store yet
	}
	if err := create(path); err != nil {
		t.Fatal(err)
	}
	before, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		r := mustCommitBlocked(t, s, []Entry{allFiles("v.a", "2"), allFiles("v.b", "2")}, "v.a")
		wantReason(t, r.Blocked["v.a"], Conflict, os.ErrExist)
		if !strings.Contains(r.Blocked["v.a"].Error(), path) {
			t.Errorf("the error does not name %s: %v", path, r.Blocked["v.a"])
		}
		if !hasFiles(dir, publicFiles("v.b", "2")) || !hasFiles(dir, kept) {
			t.Fatalf("the other certificate is not published, or the blocked one lost files:\n%s", tree(t, dir))
		}
	}
	if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
		t.Errorf("what was in the way is gone: %v", err)
	}
	if version := s.Current()["v.a"].Version; renewal && version != "1" {
		t.Errorf("the store has version %q of the blocked certificate, want 1", version)
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, s, allFiles("v.a", "2"), allFiles("v.b", "2"))
	mustCommit(t, s, allFiles("v.a", "2"), allFiles("v.b", "2"))
	if !hasFiles(dir, publicFiles("v.a", "2")) {
		t.Errorf("when the name is free, the certificate is not published:\n%s", tree(t, dir))
	}
	wantClean(t, dir, 1)
}

// TestForeignVersion checks that the name of a version's file blocks nothing: applications do not
// open it.
func TestForeignVersion(t *testing.T) {
	dir := memoryDir(t)
	s := mustOpen(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "v.a.1"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := s.Commit([]Entry{pemEntry("v.a", "1")})
	if err != nil || len(r.Blocked) > 0 || len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], filepath.Join(dir, "v.a.1")+" exists") {
		t.Errorf("got %+v, error %v; want one warning", r, err)
	}
	if !hasFiles(dir, map[string]string{"v.a": "pem of v.a 1\n", "v.a.1": "mine"}) {
		t.Errorf("the certificate is not published, or the other file is gone:\n%s", tree(t, dir))
	}
}

// TestRefusedNames checks that a name that the file system refuses blocks one certificate.
func TestRefusedNames(t *testing.T) {
	for _, refusal := range []syscall.Errno{syscall.EPERM, syscall.EACCES, syscall.ENAMETOOLONG, syscall.EINVAL} {
		for name := range publicFiles("v.a", "1") {
			t.Run(refusal.Error()+" "+name, func(t *testing.T) {
				dir := memoryDir(t)
				s := mustOpen(t, dir)
				s.fs.beforeChange = func(op, at string) error {
					if op != "create" && at == topLevel(name) {
						return refusal
					}
					return nil
				}
				a, b := allFiles("v.a", "1"), pemEntry("v.b", "1")
				r := mustCommitBlocked(t, s, []Entry{a, b}, "v.a")
				if !strings.Contains(r.Blocked["v.a"].Error(), refusal.Error()) || !hasFiles(dir, map[string]string{"v.b": "pem of v.b 1\n"}) {
					t.Errorf("got %v:\n%s", r.Blocked, tree(t, dir))
				}
				wantClean(t, dir, 1)
				s.fs.beforeChange = nil
				mustCommit(t, s, a, b)
			})
		}
	}
}

// TestImmutableView uses a real refusal: nothing in an immutable directory can change.
func TestImmutableView(t *testing.T) {
	needsRoot(t)
	dir := t.TempDir()
	s := mustOpen(t, dir)
	a := allFiles("v.a", "1")
	mustCommit(t, s, a, pemEntry("v.b", "1"))
	a = allFiles("v.a", "2")
	a.Files.Split["ca.crt"] = []byte("ca") // needs another link in the directory
	setImmutable(t, filepath.Join(dir, "v.a.d"), true)
	r, err := s.Commit([]Entry{a, pemEntry("v.b", "2")})
	setImmutable(t, filepath.Join(dir, "v.a.d"), false)
	if err != nil || len(r.Blocked) != 1 {
		t.Fatalf("got %+v, error %v; want v.a blocked", r, err)
	}
	if !hasFiles(dir, publicFiles("v.a", "1")) || !hasFiles(dir, map[string]string{"v.b": "pem of v.b 2\n"}) {
		t.Errorf("want version 1 of v.a and version 2 of v.b:\n%s", tree(t, dir))
	}
	mustCommit(t, s, a, pemEntry("v.b", "2"))
	if !hasFiles(dir, publicFiles("v.a", "2")) {
		t.Errorf("want version 2 of v.a:\n%s", tree(t, dir))
	}
}

// immutableFlag is FS_IMMUTABLE_FL of linux/fs.h.
const immutableFlag = 0x10

// setImmutable does what chattr +i and -i do. It skips the test on a file system without the flag.
func setImmutable(t *testing.T, path string, immutable bool) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	flags, err := unix.IoctlGetInt(int(file.Fd()), unix.FS_IOC_GETFLAGS)
	if err == nil {
		flags &^= immutableFlag
		if immutable {
			flags |= immutableFlag
		}
		err = unix.IoctlSetPointerInt(int(file.Fd()), unix.FS_IOC_SETFLAGS, flags)
	}
	if err != nil {
		t.Skipf("the file system of %s has no immutable files: %v", path, err)
	}
}

// TestForeignFilesStay checks that a store never touches what is not in its way.
func TestForeignFilesStay(t *testing.T) {
	dir := memoryDir(t)
	s := mustOpen(t, dir)
	mustCommit(t, s, allFiles("v.a", "1"))
	free := []string{"mine", "..mine", "..123", "v.a.d/mine", "v.a.d/..mine", "v.a.dir"}
	for _, name := range free {
		if err := foreign["directory"](filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	mustCommit(t, s, allFiles("v.a", "2"))
	mustCommit(t, s)
	mustCommit(t, s)
	mustClose(t, s)
	s = mustOpen(t, dir)
	for _, name := range free {
		if _, err := os.Lstat(filepath.Join(dir, name, "tls.crt")); err != nil {
			t.Errorf("%s is gone: %v", name, err)
		}
	}
	mustCommit(t, s, allFiles("v.a", "3"))
	if !hasFiles(dir, publicFiles("v.a", "3")) {
		t.Errorf("the certificate is not published again:\n%s", tree(t, dir))
	}
}

// TestNameChangesKind checks that a name can change from a link to a directory and back.
func TestNameChangesKind(t *testing.T) {
	dir := memoryDir(t)
	s := mustOpen(t, dir)
	link := pemEntry("v.b", "1")
	link.LinkName = "v.a.d"
	for range 2 {
		mustCommit(t, s, link)
		if !hasFiles(dir, map[string]string{"v.a.d": "pem of v.b 1\n"}) {
			t.Errorf("want a link:\n%s", tree(t, dir))
		}
		mustCommit(t, s, allFiles("v.a", "1"))
		if !hasFiles(dir, publicFiles("v.a", "1")) {
			t.Errorf("want a directory:\n%s", tree(t, dir))
		}
	}
}
