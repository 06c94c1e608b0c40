package cluster

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func mustLock(t *testing.T, path string, how int) *lockFile {
	t.Helper()
	l, err := lockPath(t.Context(), path, how)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.unlock)
	return l
}

func TestLockWaitsForItsHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first := mustLock(t, path, unix.LOCK_EX)
	ctx, cancel := context.WithTimeout(t.Context(), 3*lockPoll)
	defer cancel()
	if _, err := lockPath(ctx, path, unix.LOCK_EX); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a held lock was taken a second time, error %v", err)
	}
	// Removing the file does not break mutual exclusion: the next process locks a new file.
	time.AfterFunc(lockPoll, first.remove)
	second := mustLock(t, path, unix.LOCK_EX)
	if !second.inPlace() {
		t.Error("the lock is on a file that is no longer at its path")
	}
}

func TestLastUser(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	first, second := mustLock(t, path, unix.LOCK_SH), mustLock(t, path, unix.LOCK_SH)
	if first.exclusive() {
		t.Error("one of two users was taken for the last")
	}
	first.unlock()
	if !second.exclusive() {
		t.Error("the last user was not recognised")
	}
	second.remove()
	third := mustLock(t, path, unix.LOCK_SH)
	if second.exclusive() {
		t.Error("a user of an earlier node was taken for the last user of the current one")
	}
	if !third.exclusive() {
		t.Error("the only user of the current node was not recognised")
	}
}
