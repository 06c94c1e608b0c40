package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// lockDir holds the lock files of clusters. They cannot lie in the state directory, which Down
// removes.
const lockDir = "/run/lock"

// lockPoll is how often a held lock is tried again. flock(2) itself cannot wait with a deadline.
const lockPoll = 50 * time.Millisecond

// lockFile is a held flock(2) lock. The kernel releases it when the process ends, however it ends.
type lockFile struct {
	file *os.File
}

// lock takes a cluster's lock of that purpose for this process alone, waiting until ctx ends.
func lock(ctx context.Context, name, purpose string) (*lockFile, error) {
	return lockPath(ctx, lockFilePath(name, purpose), unix.LOCK_EX)
}

// share takes a cluster's lock of that purpose together with others.
func share(ctx context.Context, name, purpose string) (*lockFile, error) {
	return lockPath(ctx, lockFilePath(name, purpose), unix.LOCK_SH)
}

func lockFilePath(name, purpose string) string { return filepath.Join(lockDir, name+"."+purpose) }

// lockPath locks a file, which it creates if needed.
func lockPath(ctx context.Context, path string, how int) (*lockFile, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	for {
		l, err := tryLock(path, how)
		if err == nil {
			return l, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for %s, which another process holds: %w", path, ctx.Err())
		case <-time.After(lockPoll):
		}
	}
}

// tryLock returns EWOULDBLOCK where the lock is held, or where the file was removed between its
// opening and locking: a lock on a file that is not at that path any more would exclude nobody.
func tryLock(path string, how int) (*lockFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	l := &lockFile{file: f}
	if err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB); err != nil {
		l.unlock()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if !l.inPlace() {
		l.unlock()
		return nil, unix.EWOULDBLOCK
	}
	return l, nil
}

// inPlace tells whether the file is still the one at its path.
func (l *lockFile) inPlace() bool {
	held, err := l.file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(l.file.Name())
	return err == nil && os.SameFile(held, there)
}

// exclusive turns a shared lock into one held alone. It fails where somebody else holds it too, and
// where the file is another one now: then the owner of this lock has ended, and the file belongs to
// another one.
func (l *lockFile) exclusive() bool {
	return l.inPlace() && unix.Flock(int(l.file.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}

// unlock releases the lock. A second call does nothing.
func (l *lockFile) unlock() { _ = l.file.Close() }

// remove deletes the file and then releases the lock: the next process sees that and creates a new
// one.
func (l *lockFile) remove() {
	_ = os.Remove(l.file.Name())
	l.unlock()
}
