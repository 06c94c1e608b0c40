package store

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pemEntry returns an entry in the "pem" format. The content contains the name and the version.
func pemEntry(name, version string) Entry {
	return Entry{
		FileName: name, LinkName: name, Version: version,
		Leaf: Leaf{
			Fingerprint: "fingerprint of " + version,
			NotBefore:   time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
			NotAfter:    time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
		},
		Files:  Files{PEM: []byte("pem of " + name + " " + version + "\n")},
		Access: Access{Mode: 0o600},
	}
}

// kept returns the entry of a certificate that could not be fetched.
func kept(e Entry) Entry {
	e.Files = Files{}
	return e
}

// mustOpen opens a store that keeps a replaced generation only until the next Commit.
func mustOpen(t *testing.T, dir string) *Store {
	t.Helper()
	s, warnings, err := open(dir, Options{}, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(warnings) > 0 {
		t.Errorf("Open returns warnings: %q", warnings)
	}
	t.Cleanup(func() { _ = s.Close() }) // ignored, because most tests close the store
	return s
}

// mustClose closes a store, as at the end of the process.
func mustClose(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func mustCommit(t *testing.T, s *Store, entries ...Entry) Result {
	t.Helper()
	r, err := s.Commit(entries)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Warnings)+len(r.Blocked) > 0 {
		t.Errorf("Commit returns warnings %q, blocked %v", r.Warnings, r.Blocked)
	}
	return r
}

// tree lists the directory: names, link targets, modes and contents.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		switch {
		case d.Type() == fs.ModeSymlink:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, "%s -> %s\n", name, target)
		case d.IsDir():
			fmt.Fprintf(&out, "%s/ %04o\n", name, info.Mode().Perm())
		case d.Name() == manifestName:
			fmt.Fprintf(&out, "%s %04o\n", name, info.Mode().Perm())
		default:
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, "%s %04o %s\n", name, info.Mode().Perm(), strings.TrimSpace(string(data)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func wantTree(t *testing.T, dir, want string) {
	t.Helper()
	if diff := cmp.Diff(strings.TrimSpace(want), strings.TrimSpace(tree(t, dir))); diff != "" {
		t.Errorf("the store differs (-want +got):\n%s", diff)
	}
}

func TestLayout(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "store")
	s := mustOpen(t, dir)
	e := pemEntry("exampleVault.myCertificate", "0987")
	mustCommit(t, s, e)
	e = pemEntry("exampleVault.myCertificate", "1234")
	e.Files.Split = map[string][]byte{"tls.crt": []byte("crt"), "tls.key": []byte("key"), "ca.crt": []byte("ca")}
	e.Files.PKCS12, e.Files.JKS = []byte("p12"), []byte("jks")
	if r := mustCommit(t, s, e); !r.Changed {
		t.Error("a new version does not count as a change")
	}
	mustCommit(t, s, e) // removes the replaced generation
	wantTree(t, dir, `
..0000000002/ 0755
..0000000002/.certsync.json 0600
..0000000002/exampleVault.myCertificate -> exampleVault.myCertificate.1234
..0000000002/exampleVault.myCertificate.0987 0600 pem of exampleVault.myCertificate 0987
..0000000002/exampleVault.myCertificate.1234 0600 pem of exampleVault.myCertificate 1234
..0000000002/exampleVault.myCertificate.d/ 0755
..0000000002/exampleVault.myCertificate.d/ca.crt 0600 ca
..0000000002/exampleVault.myCertificate.d/tls.crt 0600 crt
..0000000002/exampleVault.myCertificate.d/tls.key 0600 key
..0000000002/exampleVault.myCertificate.jks 0600 jks
..0000000002/exampleVault.myCertificate.p12 0600 p12
..data -> ..0000000002
exampleVault.myCertificate -> ..data/exampleVault.myCertificate
exampleVault.myCertificate.0987 -> ..data/exampleVault.myCertificate.0987
exampleVault.myCertificate.1234 -> ..data/exampleVault.myCertificate.1234
exampleVault.myCertificate.d/ 0755
exampleVault.myCertificate.d/..data -> ../..data/exampleVault.myCertificate.d
exampleVault.myCertificate.d/ca.crt -> ..data/ca.crt
exampleVault.myCertificate.d/tls.crt -> ..data/tls.crt
exampleVault.myCertificate.d/tls.key -> ..data/tls.key
exampleVault.myCertificate.jks -> ..data/exampleVault.myCertificate.jks
exampleVault.myCertificate.p12 -> ..data/exampleVault.myCertificate.p12
`)
	want := map[string]Installed{"exampleVault.myCertificate": {
		FileName: "exampleVault.myCertificate", LinkName: "exampleVault.myCertificate",
		Version: "1234", Previous: "0987", Formats: []string{"pem", "split", "pkcs12", "jks"}, Leaf: e.Leaf,
	}}
	if diff := cmp.Diff(want, s.Current()); diff != "" {
		t.Errorf("Current (-want +got):\n%s", diff)
	}
	mustClose(t, s)
	if diff := cmp.Diff(want, mustOpen(t, dir).Current()); diff != "" {
		t.Errorf("Current after a restart (-want +got):\n%s", diff)
	}
}

func TestCustomLinkName(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir)
	e := pemEntry("v.c", "1")
	e.LinkName = "app1Cert1"
	e.Files.JKS = []byte("jks")
	mustCommit(t, s, e)
	wantTree(t, dir, `
..0000000001/ 0755
..0000000001/.certsync.json 0600
..0000000001/app1Cert1 -> v.c.1
..0000000001/app1Cert1.jks 0600 jks
..0000000001/v.c.1 0600 pem of v.c 1
..data -> ..0000000001
app1Cert1 -> ..data/app1Cert1
app1Cert1.jks -> ..data/app1Cert1.jks
v.c.1 -> ..data/v.c.1
`)
}

func TestTwoVersionsAreKept(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir)
	for _, step := range []struct{ version, previous string }{
		{"1", ""}, {"2", "1"}, {"2", "1"}, {"3", "2"}, {"2", "3"}, {"2", "3"}, {"4", "2"},
	} {
		mustCommit(t, s, pemEntry("v.c", step.version))
		got := s.Current()["v.c"]
		if got.Version != step.version || got.Previous != step.previous {
			t.Fatalf("got version %s, previous %q; want %s, %q", got.Version, got.Previous, step.version, step.previous)
		}
	}
	for name, want := range map[string]bool{"v.c.4": true, "v.c.2": true, "v.c.3": false, "v.c.1": false} {
		_, err := os.Lstat(filepath.Join(dir, name))
		if got := err == nil; got != want {
			t.Errorf("%s exists: got %v, want %v", name, got, want)
		}
	}
}

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

func TestUnchangedIsNotRewritten(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir)
	a, b := pemEntry("v.a", "1"), pemEntry("v.b", "1")
	mustCommit(t, s, a, b)
	before := inode(t, filepath.Join(dir, "v.a"))

	if r := mustCommit(t, s, kept(b), a); r.Changed {
		t.Error("the same certificates in a different order count as a change")
	}
	mustClose(t, s)
	s = mustOpen(t, dir)
	var ops []string
	s.fs.beforeChange = func(op, name string) error { ops = append(ops, op+" "+name); return nil }
	if r := mustCommit(t, s, a, b); r.Changed || len(ops) > 0 {
		t.Errorf("after a restart: got changed %v, operations %q; want neither", r.Changed, ops)
	}
	s.fs.beforeChange = nil
	mustCommit(t, s, a, pemEntry("v.b", "2"))
	if after := inode(t, filepath.Join(dir, "v.a")); after != before {
		t.Error("an unchanged certificate was rewritten because another one changed")
	}
}

func TestFailedCertificateIsKept(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir)
	a, b := pemEntry("v.a", "1"), pemEntry("v.b", "1")
	mustCommit(t, s, a, b)
	r := mustCommit(t, s, kept(a), pemEntry("v.b", "2"), kept(pemEntry("v.c", "1")))
	if diff := cmp.Diff([]string{"v.c"}, r.Missing); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	if got := s.Current(); got["v.a"].Version != "1" || got["v.b"].Version != "2" || len(got) != 2 {
		t.Errorf("the store has %v, want version 1 of v.a and version 2 of v.b", got)
	}
	if got := s.Current()["v.a"].Leaf; got != a.Leaf {
		t.Errorf("the kept certificate has the leaf %v, want %v", got, a.Leaf)
	}
}

func TestRemovedCertificate(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir)
	mustCommit(t, s, pemEntry("v.a", "1"), pemEntry("v.b", "1"))
	mustCommit(t, s, pemEntry("v.b", "1"))
	mustCommit(t, s, pemEntry("v.b", "1"))
	wantTree(t, dir, `
..0000000002/ 0755
..0000000002/.certsync.json 0600
..0000000002/v.b -> v.b.1
..0000000002/v.b.1 0600 pem of v.b 1
..data -> ..0000000002
v.b -> ..data/v.b
v.b.1 -> ..data/v.b.1
`)
	mustCommit(t, s)
	mustCommit(t, s)
	wantTree(t, dir, `
..0000000003/ 0755
..0000000003/.certsync.json 0600
..data -> ..0000000003
`)
}
