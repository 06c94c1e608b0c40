// Package logfile appends log records to a file that others may rotate.
//
// It guarantees that a record is written in one piece, and that records continue in the file of the
// path after logrotate has renamed, removed or truncated it: no signal is needed.
//
// It never rotates or removes a file, and never fails a caller because of a write: the records are
// also on standard error.
package logfile

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// File is an io.Writer for records. It is safe for concurrent use.
type File struct {
	path string

	mu   sync.Mutex
	file *os.File
}

// Open opens the file to append to it, and creates it and its directory if they are missing. The
// error says what to do.
func Open(path string) (*File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, openError(err)
	}
	f := &File{path: path}
	if err := f.reopen(); err != nil {
		return nil, openError(err)
	}
	return f, nil
}

func openError(err error) error {
	return fmt.Errorf("log file: %w: name a file that user ID %d can write with --log-file, or omit the flag", err, os.Geteuid())
}

// Write implements io.Writer for one record.
func (f *File) Write(record []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.wasRotated() {
		if err := f.reopen(); err != nil {
			return 0, err
		}
	}
	return f.file.Write(record)
}

// wasRotated reports that the path no longer leads to the open file. Records are rare, so this
// check before each one costs nothing that matters.
func (f *File) wasRotated() bool {
	open, err := f.file.Stat()
	if err != nil {
		return true
	}
	current, err := os.Stat(f.path)
	return err != nil || !os.SameFile(open, current)
}

// reopen opens the file of the path. The open file stays in use if that fails.
func (f *File) reopen() error {
	file, err := openFile(f.path)
	if err != nil {
		return err
	}
	if f.file != nil {
		_ = f.file.Close() // nothing is buffered
	}
	f.file = file
	return nil
}
