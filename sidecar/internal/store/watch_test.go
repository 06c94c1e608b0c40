package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// TestWatchersSeeOneEvent checks that a program that watches the directory, as for a Kubernetes
// volume, sees exactly one IN_MOVED_TO event on "..data" for each change, and no event without a
// change.
func TestWatchersSeeOneEvent(t *testing.T) {
	dir := memoryDir(t)
	s := mustOpen(t, dir)
	s.gracePeriod = readerGracePeriod
	mustCommit(t, s, pemEntry("v.a", "1"), pemEntry("v.b", "1"))
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_CREATE|unix.IN_DELETE|unix.IN_MOVE|unix.IN_MODIFY|unix.IN_ATTRIB); err != nil {
		t.Fatal(err)
	}
	commit := func(version string) []event {
		mustCommit(t, s, pemEntry("v.a", version), pemEntry("v.b", "1"))
		return readEvents(t, fd)
	}
	if events := commit("1"); len(events) > 0 {
		t.Errorf("nothing changed, but a watcher sees %+v", events)
	}
	for _, version := range []string{"2", "3", "4"} {
		var data []uint32
		for _, e := range commit(version) {
			if e.name == dataLink {
				data = append(data, e.mask)
			}
		}
		if len(data) != 1 || data[0] != unix.IN_MOVED_TO {
			t.Errorf("version %s: a watcher sees the events %x on %s, want one IN_MOVED_TO", version, data, dataLink)
		}
		if !hasFiles(dir, map[string]string{"v.a": "pem of v.a " + version + "\n"}) {
			t.Errorf("after the event, a watcher does not find version %s", version)
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
