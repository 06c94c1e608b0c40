// Package store publishes certificate files in one directory so that a reader sees either all of the
// old files or all of the new ones, and never a file that is half written.
//
// It guarantees that what is published was complete and synced to disk before it could be seen; that
// a published file never changes, it is only replaced; that a crash at any point leaves the old or the
// new files, and that the next Open clears what was left over; and that nothing is written where
// nothing changed. The layout is the one of a Kubernetes volume of a Secret: every name in the
// directory is a link through "..data", and "..data" is the one link that is swapped.
//
// It never looks into the files, so whoever calls it has checked them; it never removes or replaces
// what it did not make; it never logs.
package store

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"
)

// Entry is one certificate as it is to be in the store.
type Entry struct {
	// FileName begins the names of the versioned files, "exampleVault.myCertificate".
	FileName string
	// LinkName is the name that applications open: FileName, or the custom symbolic link name. It
	// tells the entries of a store apart.
	LinkName string
	// Version is the secret's version; empty where there is none yet. Then, and where what the store has of
	// a version is not whole, an entry without Files keeps whatever is there of its LinkName as it is.
	Version string
	// Leaf describes the certificate; it is kept and given back by Current.
	Leaf Leaf
	// Files is what to write. Its zero value keeps the files, formats and Leaf that the store has for
	// this version.
	Files Files
	// Access says who may read the files. KeepAccess, for an entry without Files, leaves that as it is.
	Access     Access
	KeepAccess bool
}

// Files are the contents of a certificate's files by format; a nil one is not written.
type Files struct {
	PEM    []byte
	Split  map[string][]byte // by name in the directory: tls.crt, tls.key, ca.crt
	PKCS12 []byte
	JKS    []byte
}

// Result is what a Commit came to.
type Result struct {
	// Changed says that a new generation was published.
	Changed bool
	// Missing are the link names of entries without Files that the store does not have in that version
	// (any more), or not whole. Current does not have them; what is there of them was left.
	Missing []string
	// Warnings are for the log and the status: what was done differently from what was asked for, or
	// was found to be damaged.
	Warnings []string
}

// Store is one directory. It is safe for concurrent use; one process at a time has it open.
type Store struct {
	mu      sync.Mutex
	fs      fsys
	lock    *os.File
	acl     bool // the file system has POSIX ACLs
	current generation
	next    uint64        // number of the next generation
	leaving []string      // replaced generations that may still have readers
	swapped time.Time     // when the last of them was replaced
	grace   time.Duration // for how long they are kept
	stale   bool          // there is something to clear
}

// Open takes over the directory, which is created with mode 0755 if need be: it clears what a crash
// left over and reads back, and verifies, what is published. Warnings name what was found damaged,
// which the next Commit replaces. An error is an *Error.
func Open(dir string) (*Store, []string, error) { return open(dir, nil) }

func open(dir string, before func(op, name string) error) (*Store, []string, error) {
	if err := makeDir(dir); err != nil {
		return nil, nil, fileError("mkdir", dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, fileError("open", dir, err)
	}
	s := &Store{fs: fsys{root: root, dir: dir, before: before}, grace: readerGrace}
	if err := s.takeOver(); err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	warnings, err := s.recover()
	if err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	return s, warnings, nil
}

// makeDir leaves the mode of a directory that is there already alone.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return err
	}
	return os.Chmod(dir, dirMode)
}

// takeOver keeps other processes out: two that swap the same link would remove each other's files.
// The kernel lifts the lock when the process ends, however it ends.
func (s *Store) takeOver() error {
	var err error
	if s.lock, err = s.fs.root.Open("."); err != nil {
		return fileError("open", s.fs.dir, err)
	}
	err = syscall.Flock(int(s.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return &Error{Reason: Locked, Op: "lock", Path: s.fs.dir, Err: err,
			Do: "let only one sidecar use the store, or give each its own certificateStoreLocation"}
	}
	// A file system without locks is used without one.
	s.acl = supportsACL(s.lock)
	return nil
}

// Close lets go of the directory and leaves the files.
func (s *Store) Close() error {
	var err error
	if s.lock != nil {
		err = s.lock.Close()
	}
	return errors.Join(err, s.fs.root.Close())
}

// Current returns what is published, by link name.
func (s *Store) Current() map[string]Installed {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]Installed, len(s.current.manifest.Certificates))
	for _, c := range s.current.manifest.Certificates {
		out[c.LinkName] = c
	}
	return out
}

// Commit makes the store hold exactly these entries, in one swap. Where nothing would change, nothing
// is written. After an error, an *Error, what was published before still is.
//
// Call it after every poll, changed or not: a replaced generation stays for ten seconds, for readers
// that are on their way through it, and goes with the first call after that; and what someone else
// removed from the store is put back.
func (s *Store) Commit(entries []Entry) (Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	result, err := s.commit(entries)
	if errors.Is(err, syscall.EOPNOTSUPP) && s.acl {
		// The file system took the question for ACLs, but not the answer.
		s.acl = false
		return s.commit(entries)
	}
	return result, err
}
