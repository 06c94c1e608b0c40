// Package store publishes certificate files in one directory so that readers see either all of the old
// files or all of the new ones.
package store

import "time"

// Entry is one certificate as it is to be in the store.
type Entry struct {
	// FileName begins the names of the versioned files, "exampleVault.myCertificate".
	FileName string
	// LinkName is the name that applications open: FileName, or the custom symbolic link name. It
	// tells the entries of a store apart.
	LinkName string
	// Version is the secret's version.
	Version string
	// Leaf describes the certificate; it is kept and given back by Current.
	Leaf Leaf
	// Files is what to write. Its zero value keeps the files that the store has for this version.
	Files Files
	// Access says who may read the files.
	Access Access
}

// Leaf describes a leaf certificate.
type Leaf struct {
	// Fingerprint is its SHA-256 digest in hexadecimal digits.
	Fingerprint string
	NotBefore   time.Time
	NotAfter    time.Time
}

// Files are the contents of a certificate's files by format; a nil one is not written.
type Files struct {
	PEM    []byte
	Split  map[string][]byte // by name in the directory: tls.crt, tls.key, ca.crt
	PKCS12 []byte
	JKS    []byte
}

// Access says who may read the files of a certificate. The owner is always the running process.
type Access struct {
	// Mode is the permission bits, as 0o600.
	Mode uint32
	// Group is the files' group; nil leaves what the file system gives.
	Group *uint32
	// ReadUsers and ReadGroups may read, too, by a POSIX ACL.
	ReadUsers  []uint32
	ReadGroups []uint32
}

// Installed is one certificate as it is in the store.
type Installed struct {
	FileName string
	LinkName string
	Version  string
	// Previous is the version before, where its file is still there.
	Previous string
	// Formats are those that are there, named and in the order as in contract.Certificate.
	Formats []string
	Leaf    Leaf
}

// Result is what a Commit came to.
type Result struct {
	// Changed says that a new generation was published.
	Changed bool
	// Missing are the link names of entries without Files that the store does not have in that version
	// (any more). They are left out.
	Missing []string
	// Warnings are for the log and the status: what was done differently from what was asked for.
	Warnings []string
}

// Store is one directory. It is safe for concurrent use; one process at a time has it open.
type Store struct{}

// Open takes over the directory, which is created if need be: it clears what a crash left over and
// reads back, and verifies, what is published. Warnings name what was found damaged, which the next
// Commit replaces. An error is an *Error.
func Open(dir string) (*Store, []string, error) { panic("being written") }

// Current returns what is published, by link name.
func (s *Store) Current() map[string]Installed { panic("being written") }

// Commit makes the store hold exactly these entries, in one swap. Where nothing would change, nothing
// is written. After an error, an *Error, what was published before still is.
//
// Call it after every poll, changed or not: the generation before the last swap stays for readers that
// are on their way through it, and goes with the next call.
func (s *Store) Commit(entries []Entry) (Result, error) { panic("being written") }

// Close lets go of the directory and leaves the files.
func (s *Store) Close() error { panic("being written") }
