package store

import (
	"errors"
	"strings"
	"testing"
)

// TestInvalidEntries checks that an invalid entry blocks itself, and not the others.
func TestInvalidEntries(t *testing.T) {
	entry := func(fileName, linkName, version string) Entry {
		e := pemEntry(fileName, version)
		e.LinkName = linkName
		return e
	}
	with := func(e Entry, change func(*Entry)) Entry {
		change(&e)
		return e
	}
	ok := pemEntry("v.a", "1")
	tests := []struct {
		name    string
		entries []Entry
		want    Reason
		text    string
	}{
		{"no file name", []Entry{entry("", "a", "1")}, Invalid, "file name"},
		{"no version", []Entry{entry("v.a", "a", "")}, Invalid, "file name"},
		{"path in the link name", []Entry{entry("v.a", "a/b", "1")}, Invalid, "a/b"},
		{"reserved name", []Entry{entry("v.a", "..data", "1")}, Invalid, "..data"},
		{"the directory itself", []Entry{entry("v.a", ".", "1")}, Invalid, "file name"},
		{"path in the version", []Entry{entry("v.a", "a", "../1")}, Invalid, "../1"},
		{"the manifest's name", []Entry{entry("v.a", manifestName, "1")}, Invalid, manifestName},
		{"too long", []Entry{entry(strings.Repeat("x", 250), "a", "123456")}, Invalid, "255"},
		{"split name", []Entry{with(ok, func(e *Entry) { e.Files.Split = map[string][]byte{"../x": nil} })}, Invalid, "../x"},
		{"one link twice", []Entry{ok, entry("v.b", "v.a", "1")}, Conflict, "customSymbolicLinkName"},
		{"link has the name of another file", []Entry{ok, entry("v.b", "v.a.1", "1")}, Conflict, "v.a.1"},
		{"link has the name of another keystore", []Entry{
			with(ok, func(e *Entry) { e.Files.JKS = []byte("jks") }), entry("v.b", "v.a.jks", "1")}, Conflict, "v.a.jks"},
		{"one version, two contents", []Entry{ok, with(entry("v.a", "b", "1"), func(e *Entry) { e.Files.PEM = []byte("x") })}, Conflict, "v.a.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			s := mustOpen(t, dir)
			blocked := tt.entries[len(tt.entries)-1].LinkName
			for range 2 {
				r := mustCommitBlocked(t, s, append(tt.entries, pemEntry("v.other", "1")), blocked)
				var e *Error
				if err := r.Blocked[blocked]; !errors.As(err, &e) || e.Reason != tt.want || !strings.Contains(err.Error(), tt.text) {
					t.Errorf("got error %v, want the reason %s and the text %q", err, tt.want, tt.text)
				}
				if !hasFiles(dir, map[string]string{"v.other": "pem of v.other 1\n"}) {
					t.Error("the other certificate is not published")
				}
			}
		})
	}
}

// mustCommitBlocked commits entries of which one is blocked.
func mustCommitBlocked(t *testing.T, s *Store, entries []Entry, blocked string) Result {
	t.Helper()
	r, err := s.Commit(entries)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Blocked) != 1 || r.Blocked[blocked] == nil || len(r.Warnings) > 0 {
		t.Fatalf("got blocked %v, warnings %q; want only %q blocked", r.Blocked, r.Warnings, blocked)
	}
	return r
}

func TestPinnedBesideFollowed(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir)
	pinned := pemEntry("v.a", "1")
	pinned.LinkName = "pinned"
	mustCommit(t, s, pemEntry("v.a", "1"), pinned)
	mustCommit(t, s, pemEntry("v.a", "2"), kept(pinned))
	mustCommit(t, s, pemEntry("v.a", "3"), pinned)
	mustCommit(t, s, pemEntry("v.a", "3"), pinned)
	wantTree(t, dir, `
..0000000003/ 0755
..0000000003/.certsync.json 0600
..0000000003/pinned -> v.a.1
..0000000003/v.a -> v.a.3
..0000000003/v.a.1 0600 pem of v.a 1
..0000000003/v.a.2 0600 pem of v.a 2
..0000000003/v.a.3 0600 pem of v.a 3
..data -> ..0000000003
pinned -> ..data/pinned
v.a -> ..data/v.a
v.a.1 -> ..data/v.a.1
v.a.2 -> ..data/v.a.2
v.a.3 -> ..data/v.a.3
`)
}

func TestFormatsChange(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir)
	e := pemEntry("v.a", "1")
	mustCommit(t, s, e)
	e.Files = Files{JKS: []byte("jks")}
	mustCommit(t, s, e)
	mustCommit(t, s, kept(e))
	wantTree(t, dir, `
..0000000002/ 0755
..0000000002/.certsync.json 0600
..0000000002/v.a.jks 0600 jks
..data -> ..0000000002
v.a.jks -> ..data/v.a.jks
`)
	mustClose(t, s)
	if got := mustOpen(t, dir).Current()["v.a"]; got.Version != "1" || len(got.Formats) != 1 || got.Formats[0] != "jks" {
		t.Errorf("after a restart, the store has %v, want version 1 as JKS", got)
	}
}

func TestRenamedLink(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir)
	e := pemEntry("v.a", "1")
	e.Files.Split = map[string][]byte{"tls.key": []byte("key")}
	mustCommit(t, s, e)
	e = kept(e)
	e.LinkName = "app"
	mustCommit(t, s, e)
	mustCommit(t, s, e)
	wantTree(t, dir, `
..0000000002/ 0755
..0000000002/.certsync.json 0600
..0000000002/app -> v.a.1
..0000000002/app.d/ 0755
..0000000002/app.d/tls.key 0600 key
..0000000002/v.a.1 0600 pem of v.a 1
..data -> ..0000000002
app -> ..data/app
app.d/ 0755
app.d/..data -> ../..data/app.d
app.d/tls.key -> ..data/tls.key
v.a.1 -> ..data/v.a.1
`)
}
