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

// lockDir contains the lock files of clusters. They cannot be in the state directory, because Down
// removes it.
const lockDir = "/run/lock"

// lockPoll is the pause before a lock is tried again. flock(2) cannot wait with a deadline.
const lockPoll = 50 * time.Millisecond

// lockFile is a held flock(2) lock. The kernel releases it when the process ends for any reason.
type lockFile struct {
	file *os.File
}

// lock takes a cluster's exclusive lock for a purpose. It waits until ctx ends.
func lock(ctx context.Context, name, purpose string) (*lockFile, error) {
	return lockPath(ctx, lockFilePath(name, purpose), unix.LOCK_EX)
}

// share takes a cluster's shared lock for a purpose.
func share(ctx context.Context, name, purpose string) (*lockFile, error) {
	return lockPath(ctx, lockFilePath(name, purpose), unix.LOCK_SH)
}

func lockFilePath(name, purpose string) string { return filepath.Join(lockDir, name+"."+purpose) }

// lockPath locks a file, and creates it if it is missing.
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

// tryLock returns EWOULDBLOCK if another process holds the lock, or if the file was removed after
// it was opened: a lock on a removed file would exclude nobody.
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

// inPlace tells whether the open file is still the file at its path.
func (l *lockFile) inPlace() bool {
	held, err := l.file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(l.file.Name())
	return err == nil && os.SameFile(held, there)
}

// exclusive turns a shared lock into an exclusive one. It fails if another process also holds the
// lock, or if the file was replaced: then this lock belongs to an earlier node.
func (l *lockFile) exclusive() bool {
	return l.inPlace() && unix.Flock(int(l.file.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}

// unlock releases the lock. A second call does nothing.
func (l *lockFile) unlock() { _ = l.file.Close() }

// remove deletes the file and then releases the lock. The next process notices that and creates a
// new file.
func (l *lockFile) remove() {
	_ = os.Remove(l.file.Name())
	l.unlock()
}
