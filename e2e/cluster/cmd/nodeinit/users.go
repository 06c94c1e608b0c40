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

// lockDir contains the lock files of package cluster. A process holds NAME.start while it starts,
// joins or leaves the node. Each user of the node holds NAME.users. The kernel releases both locks
// when a process ends.
const lockDir = "/run/lock"

// usersPoll is the pause between checks whether the node has users: flock(2) sends no notification.
const usersPoll = time.Second

// users knows the files that tell whether the node is in use.
type users struct {
	start, users string // lock files
	keep         string // while this file exists, the node outlives its users
}

// findUsers must be called before the mounts of this process hide lockDir.
func findUsers(name, state string) (users, error) {
	if err := os.MkdirAll(lockDir, 0o755); err != nil {
		return users{}, err
	}
	fd, err := unix.Open(lockDir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return users{}, fmt.Errorf("open %s: %w", lockDir, err)
	}
	dir := fmt.Sprintf("/proc/self/fd/%d", fd) // valid as long as this process
	return users{
		start: filepath.Join(dir, name+".start"), users: filepath.Join(dir, name+".users"), keep: filepath.Join(state, "keep"),
	}, nil
}

// awaitUnused returns when the node has no users and need not be kept. Its last user crashed or was
// killed: a user that ends normally removes the node.
func (u users) awaitUnused() {
	for {
		time.Sleep(usersPoll)
		if u.unused() {
			return
		}
	}
}

// unused tells whether the node has no users. If so, it holds the start lock until this process
// ends, so that no process joins a node that is about to end.
func (u users) unused() bool {
	if _, err := os.Stat(u.keep); err == nil || !free(u.users) {
		return false
	}
	start, err := os.OpenFile(u.start, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return false
	}
	if unix.Flock(int(start.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil && inPlace(start) && free(u.users) {
		_ = os.Remove(u.users)
		_ = os.Remove(u.start) // a process that waits for the lock then creates a new file
		return true
	}
	_ = start.Close()
	return false
}

// free tells whether no process holds a lock file.
func free(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}

// inPlace tells whether a lock file is still the file at its path: a lock on a removed file
// excludes nobody.
func inPlace(f *os.File) bool {
	held, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(f.Name())
	return err == nil && os.SameFile(held, there)
}
