// Package store publishes certificate files in one directory so that a reader sees either all of
// the old files or all of the new ones, and never an incomplete file.
//
// It guarantees that:
//
//   - files are complete and synced to disk before they become visible;
//
//   - a published file never changes, it is only replaced;
//
//   - a crash at any point leaves either the old or the new files, and the next Open removes
//     leftovers;
//
//   - a Commit that changes nothing writes nothing.
//
//   - a program that watches a file, its directory or "..data" learns of a change at once;
//
//   - a certificate whose names are taken does not hold back the others.
//
// The layout is that of a Kubernetes Secret volume: every name in the directory is a link through
// "..data", and only the link "..data" is swapped. The directory of a certificate in the split
// format looks like such a volume, too.
//
// It never checks what the files contain, which is the caller's task. It never removes or replaces
// anything that it did not create, except the links of the Key Vault VM extension with
// Options.Adopt. It never logs.
package store

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"
)

// Entry is the desired state of one certificate in the store.
type Entry struct {
	// FileName is the prefix of the versioned file names, for example "exampleVault.myCertificate".
	FileName string
	// LinkName is the name that applications open: FileName, or the custom symbolic link name. It
	// identifies the entry in the store.
	LinkName string
	// Version is the version of the secret, or empty if no version is known yet.
	Version string
	// Leaf describes the certificate. The store keeps it, and Current returns it.
	Leaf Leaf
	// Files are the files to write. If it is empty, the store keeps the files, formats and Leaf
	// that it has for Version. If it has no complete files for Version, or Version is empty, it
	// keeps all existing files of LinkName unchanged.
	Files Files
	// Access defines who may read the files. KeepAccess, for an entry without Files, keeps the
	// current permissions instead.
	Access     Access
	KeepAccess bool
}

// Files are the contents of a certificate's files by format. A nil format is not written.
type Files struct {
	PEM    []byte
	Split  map[string][]byte // by name in the directory: tls.crt, tls.key, ca.crt
	PKCS12 []byte
	JKS    []byte
	KeyID  map[string][]byte // by suffix: SuffixChain, SuffixKey, SuffixMetadata
}

// Result is the outcome of a Commit.
type Result struct {
	// Changed reports that Commit published a new generation.
	Changed bool
	// Missing are the link names of entries without Files for which the store has no complete files
	// in that version. Current does not return them; their existing files are kept.
	Missing []string
	// Blocked are the entries, by link name, that cannot be published: something else has one of
	// their names, or the file system refuses it. The store keeps what it has of them. An error is
	// an *Error. Of two entries with one name, the one that is published already, or else the
	// first, is not blocked.
	Blocked map[string]error
	// Warnings are for the log and the status: what Commit did differently from the request, and
	// what is damaged.
	Warnings []string
}

// Options are the properties of the machine that a store is on.
type Options struct {
	// Private keeps files that need an ACL private to the running process's user (mode 0600) on a
	// file system without ACLs. Without it their mode is 0644, as Kubernetes does it for the files
	// of a Secret: in a pod only the pod's containers can reach them, on a host every user can.
	Private bool
	// Adopt replaces the links of the Key Vault VM extension that have the names of entries. The
	// files that they lead to stay.
	Adopt bool
}

// Store is one open directory. It is safe for concurrent use, but only one process at a time can
// open a directory.
type Store struct {
	mu             sync.Mutex
	fs             fsys
	options        Options
	lock           *os.File
	acl            bool // the file system supports POSIX ACLs
	current        generation
	nextNumber     uint64        // number of the next generation
	replaced       []string      // replaced generations that may still have readers
	replacedUntil  time.Time     // when the last one has no readers any more
	gracePeriod    time.Duration // how long replaced generations are kept
	cleanUpPending bool          // there may be something to remove
	cleanUpTimer   *time.Timer   // removes the replaced generations; nil before the first one
	lateWarnings   []string      // of cleanUpTimer, for the next Commit
	closed         bool
	// refused are the names that the file system refused during the current Commit.
	refused map[string]error
}

// Open opens the directory, and creates it with mode 0755 if it does not exist. It removes what a
// crash left behind, and reads and verifies what is published. The warnings name damaged
// certificates, which the next Commit replaces. An error is an *Error.
func Open(dir string, o Options) (*Store, []string, error) {
	return open(dir, o, readerGracePeriod, nil)
}

func open(dir string, o Options, gracePeriod time.Duration, beforeChange func(op, name string) error) (*Store, []string, error) {
	if err := ensureDir(dir); err != nil {
		return nil, nil, fileError("mkdir", dir, err)
	}
	s, err := openRoot(dir, o)
	if err != nil {
		return nil, nil, err
	}
	s.fs.beforeChange, s.gracePeriod = beforeChange, gracePeriod
	if err := s.lockDir(); err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	warnings, err := s.loadPublished()
	if err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	return s, warnings, nil
}

// openRoot opens an existing directory, and neither locks nor reads it.
func openRoot(dir string, o Options) (*Store, error) {
	root, err := os.OpenRoot(dir)
	if info, statErr := os.Stat(dir); err != nil && statErr == nil && !info.IsDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return nil, fileError("open", dir, err)
	}
	return &Store{options: o, fs: fsys{root: root, dir: dir}}, nil
}

// ensureDir creates the directory if needed. It does not change the mode of an existing directory.
func ensureDir(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return err
	}
	return os.Chmod(dir, dirMode)
}

// lockDir keeps other processes out: two processes that swap the same link would remove each
// other's files. The kernel releases the lock when the process ends, for any reason.
func (s *Store) lockDir() error {
	var err error
	if s.lock, err = s.fs.root.Open("."); err != nil {
		return fileError("open", s.fs.dir, err)
	}
	err = syscall.Flock(int(s.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return &Error{Reason: Locked, Op: "lock", Path: s.fs.dir, Err: err,
			Remedy: "another certsync uses the store: stop it, or give each another certificateStoreLocation"}
	}
	// If the file system does not support locks, the store works without one.
	s.acl = supportsACL(s.lock)
	return nil
}

// Close releases the directory and keeps the files.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.cleanUpTimer != nil {
		s.cleanUpTimer.Stop()
	}
	var err error
	if s.lock != nil {
		err = s.lock.Close()
	}
	return errors.Join(err, s.fs.root.Close())
}

// Current returns the published certificates by link name.
func (s *Store) Current() map[string]Installed {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]Installed, len(s.current.manifest.Certificates))
	for _, c := range s.current.manifest.Certificates {
		out[c.LinkName] = c
	}
	return out
}

// InPlace reports whether the directory at the path of Open is still the open one, and contains
// what the store published. If it was removed, replaced or mounted over, close the store and open
// it again.
func (s *Store) InPlace() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, err := os.Stat(s.fs.dir)
	if err != nil {
		return false
	}
	opened, err := s.lock.Stat()
	return err == nil && os.SameFile(at, opened) && s.fs.readlink(dataLink) == s.current.name
}

// Commit makes the store contain exactly these entries, in one swap. If nothing changes, it writes
// nothing. After an error, an *Error, the previous files are still published.
//
// A replaced generation stays for ten seconds, for readers that are still resolving a path through
// it; then the store removes it. Commit also restores links that someone else removed.
func (s *Store) Commit(entries []Entry) (Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = make(map[string]error)
	result, err := s.commit(entries)
	if errors.Is(err, syscall.EOPNOTSUPP) && s.acl {
		// The file system accepted the query of supportsACL, but it cannot set ACLs.
		s.acl = false
		result, err = s.commit(entries)
	}
	result.Warnings = append(s.lateWarnings, result.Warnings...)
	s.lateWarnings = nil
	return result, err
}
