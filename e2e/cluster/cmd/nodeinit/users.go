package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// lockDir has the lock files of package cluster: NAME.start is held by whoever starts, joins or
// leaves the node, NAME.users by each of its users. The kernel releases both however a process
// ends.
const lockDir = "/run/lock"

// usersPoll is how often it is looked whether anybody uses the node: flock(2) announces nothing.
const usersPoll = time.Second

// users tell whether the node is still wanted.
type users struct {
	start, users string // lock files
	keep         string // the file that says that the node outlives its users
}

// findUsers is called before this process's mounts hide lockDir.
func findUsers(name, state string) (users, error) {
	if err := os.MkdirAll(lockDir, 0o755); err != nil {
		return users{}, err
	}
	fd, err := unix.Open(lockDir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return users{}, fmt.Errorf("open %s: %w", lockDir, err)
	}
	dir := fmt.Sprintf("/proc/self/fd/%d", fd) // leads there for as long as the process lasts
	return users{
		start: filepath.Join(dir, name+".start"), users: filepath.Join(dir, name+".users"), keep: filepath.Join(state, "keep"),
	}, nil
}

// awaitNone returns once nobody uses the node any more and nobody asked to keep it: its last user
// crashed or was killed, since one that ends in order takes the node away.
func (u users) awaitNone() {
	for {
		time.Sleep(usersPoll)
		if u.none() {
			return
		}
	}
}

// none is true only with the start lock held, until this process ends, so that nobody joins a node
// that is about to end.
func (u users) none() bool {
	if _, err := os.Stat(u.keep); err == nil || !free(u.users) {
		return false
	}
	start, err := os.OpenFile(u.start, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return false
	}
	if unix.Flock(int(start.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil && inPlace(start) && free(u.users) {
		_ = os.Remove(u.users)
		_ = os.Remove(u.start) // who waits for the lock then makes a new file
		return true
	}
	_ = start.Close()
	return false
}

// free tells whether nobody holds a lock file.
func free(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}

// inPlace tells whether a lock file is still the one at its path: a lock on one that was removed
// excludes nobody.
func inPlace(f *os.File) bool {
	held, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(f.Name())
	return err == nil && os.SameFile(held, there)
}
