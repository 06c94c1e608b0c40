package cluster

import (
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// Work on throwaway threads does not move other threads to another namespace.
func TestThrowawayThreads(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("needs root, as the node does")
	}
	before := readlink(t, "/proc/self/ns/net")
	var running sync.WaitGroup
	for range 50 {
		running.Add(1)
		onThrowawayThread(func() {
			defer running.Done()
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				t.Error(err)
			}
			if now, err := os.Readlink("/proc/thread-self/ns/net"); err != nil || now == before {
				t.Errorf("the thread is still in %s (error %v)", now, err)
			}
		})
	}
	running.Wait()
	for range 50 {
		if now := readlink(t, "/proc/thread-self/ns/net"); now != before {
			t.Fatalf("another thread is in %s", now)
		}
	}
	if now := readlink(t, "/proc/self/ns/net"); now != before {
		t.Errorf("the process is in %s, want %s", now, before)
	}
}
