package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// changes are the events that a watcher of a file or a directory sees, except those of readers.
const changes = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVE | unix.IN_MODIFY | unix.IN_ATTRIB | unix.IN_CLOSE_WRITE |
	unix.IN_DELETE_SELF | unix.IN_MOVE_SELF

// watch begins to watch a path, following links.
func watchPath(t *testing.T, path string, mask uint32) (fd int) {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if _, err := unix.InotifyAddWatch(fd, path, mask); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return fd
}

// moved returns the number of events for a name: all must be IN_MOVED_TO.
func moved(t *testing.T, events []event, name string) (n int) {
	t.Helper()
	for _, e := range events {
		if e.name == name {
			n++
			if e.mask != unix.IN_MOVED_TO {
				t.Errorf("a watcher sees the event %x on %s, want IN_MOVED_TO", e.mask, name)
			}
		}
	}
	return n
}

// TestDirectoryWatchers checks that a program that watches a directory sees, for each change and
// for nothing else, exactly one event: on "..data", as for a Kubernetes Secret volume, or on the
// metadata of a certificate.
func TestDirectoryWatchers(t *testing.T) {
	dir := memoryDir(t)
	s := mustOpen(t, dir)
	s.gracePeriod = readerGracePeriod
	mustCommit(t, s, allFiles("v.a", "1"), allFiles("v.b", "1"))
	top, a, b := watchPath(t, dir, changes), watchPath(t, filepath.Join(dir, "v.a.d"), changes), watchPath(t, filepath.Join(dir, "v.b.d"), changes)
	for _, version := range []string{"1", "2", "3", "3", "4"} {
		r := mustCommit(t, s, allFiles("v.a", version), allFiles("v.b", "1"))
		want := 0
		if r.Changed {
			want = 1
		}
		events := readEvents(t, top)
		if !r.Changed && len(events) > 0 {
			t.Errorf("nothing changed, but a watcher sees %+v", events)
		}
		if moved(t, events, dataLink) != want || moved(t, events, "v.a"+SuffixMetadata) != want || moved(t, events, "v.b"+SuffixMetadata) != 0 {
			t.Errorf("version %s: in the store, a watcher sees %+v; want %d for ..data and for the metadata", version, events, want)
		}
		if events := readEvents(t, a); len(events) != want || moved(t, events, dataLink) != want {
			t.Errorf("version %s: in v.a.d, a watcher sees %+v, want %d for ..data", version, events, want)
		}
		if events := readEvents(t, b); len(events) > 0 {
			t.Errorf("version %s: in v.b.d, which did not change, a watcher sees %+v", version, events)
		}
		if !hasFiles(dir, publicFiles("v.a", version)) {
			t.Errorf("after the event, a watcher does not find version %s", version)
		}
	}
}

// TestFileWatchers checks that a program that watches a file, found by following all links, sees at
// once that it is gone when it changes, and not when another certificate changes.
func TestFileWatchers(t *testing.T) {
	dir := memoryDir(t)
	s := mustOpen(t, dir)
	s.gracePeriod = readerGracePeriod
	mustCommit(t, s, allFiles("v.a", "1"), allFiles("v.b", "1"))
	names := slices.Sorted(maps.Keys(publicFiles("v.a", "1")))
	other := watchPath(t, filepath.Join(dir, "v.b"), changes)
	for version := 2; version < 6; version++ {
		watches := make(map[string]int)
		for _, name := range names {
			watches[name] = watchPath(t, filepath.Join(dir, name), changes)
		}
		mustCommit(t, s, allFiles("v.a", strconv.Itoa(version)), allFiles("v.b", "1"))
		for name, fd := range watches {
			events := readEvents(t, fd)
			if !slices.ContainsFunc(events, func(e event) bool { return e.mask == unix.IN_DELETE_SELF }) {
				t.Errorf("version %d: a watcher of %s sees %+v, want IN_DELETE_SELF", version, name, events)
			}
		}
	}
	for _, e := range readEvents(t, other) {
		if e.mask != unix.IN_ATTRIB { // of the number of its links
			t.Errorf("a watcher of a file that did not change sees %+v", e)
		}
	}
}

// TestWatchersAfterCrash checks that programs are notified by the next process if the first one
// ends after the swap, before any of the operations that notify them.
func TestWatchersAfterCrash(t *testing.T) {
	for after, more := 0, true; more; after++ {
		t.Run(strconv.Itoa(after), func(t *testing.T) { more = testWatchersAfterCrash(t, after) })
	}
}

// testWatchersAfterCrash lets a number of operations after the swap succeed. It returns false if
// that was the whole commit.
func testWatchersAfterCrash(t *testing.T, after int) (more bool) {
	dir := memoryDir(t)
	s := mustOpen(t, dir)
	mustCommit(t, s, allFiles("v.a", "1"))
	file := watchPath(t, filepath.Join(dir, "v.a"), changes)
	view := watchPath(t, filepath.Join(dir, "v.a.d"), changes)
	top := watchPath(t, dir, changes)
	swapped, left := false, after
	s.fs.beforeChange = func(op, name string) error {
		if swapped {
			if left--; left < 0 {
				return syscall.EROFS
			}
		}
		swapped = swapped || op == "rename" && name == dataLink
		return nil
	}
	if _, err := s.Commit([]Entry{allFiles("v.a", "2")}); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	mustOpen(t, dir)
	if !slices.ContainsFunc(readEvents(t, file), func(e event) bool { return e.mask == unix.IN_DELETE_SELF }) ||
		moved(t, readEvents(t, view), dataLink) == 0 || moved(t, readEvents(t, top), "v.a"+SuffixMetadata) == 0 {
		t.Error("a watcher is not notified")
	}
	return left < 0
}

// TestRetiredFiles checks that a reader that has resolved a path before a change still finds the
// old content there, with the same permissions, although the file that was there is gone.
func TestRetiredFiles(t *testing.T) {
	needsRoot(t)
	dir := memoryDir(t)
	s := mustOpen(t, dir)
	s.gracePeriod = readerGracePeriod
	group := uint32(4000)
	access := Access{Mode: 0o640, Group: &group, ReadUsers: []uint32{1000}}
	a := allFiles("v.a", "1")
	a.Access = access
	mustCommit(t, s, a)
	resolved := make(map[string]string)
	for name, content := range publicFiles("v.a", "1") {
		path, err := filepath.EvalSymlinks(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		name, _ = filepath.Rel(dir, path)
		resolved[name] = content
	}
	a = allFiles("v.a", "2")
	a.Access = access
	mustCommit(t, s, a)
	if !hasFiles(dir, resolved) || len(resolved) != 8 {
		t.Errorf("a reader with a resolved path does not find %v:\n%s", resolved, tree(t, dir))
	}
	for name := range resolved {
		path := filepath.Join(dir, name)
		everyone := strings.HasSuffix(name, SuffixMetadata)
		if !canRead(t, path, 1000, 9) || !canRead(t, path, 9, 4000) || canRead(t, path, 9, 9) != everyone {
			t.Errorf("%s has other permissions than before", name)
		}
	}
}

type event struct {
	mask uint32
	name string
}

// readEvents returns the events since the last call.
func readEvents(t *testing.T, fd int) (list []event) {
	t.Helper()
	buf := make([]byte, 64<<10)
	n, err := unix.Read(fd, buf)
	if errors.Is(err, unix.EAGAIN) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	for events := buf[:n]; len(events) > 0; {
		// struct inotify_event: wd, mask, cookie, len, name (inotify(7)).
		mask, size := binary.NativeEndian.Uint32(events[4:]), binary.NativeEndian.Uint32(events[12:])
		list = append(list, event{mask, string(bytes.TrimRight(events[16:16+size], "\x00"))})
		events = events[16+size:]
	}
	return list
}
