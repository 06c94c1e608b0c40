package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// Reason is the kind of an Error. Its values are stable, so that a status may show them.
type Reason string

// Reasons of an Error.
const (
	// NoSpace: the volume is full.
	NoSpace Reason = "NoSpace"
	// ReadOnly: the file system is mounted read-only.
	ReadOnly Reason = "ReadOnly"
	// Denied: the process lacks the permission.
	Denied Reason = "Denied"
	// Conflict: something that the store did not create has the name, or two entries use the same
	// name.
	Conflict Reason = "Conflict"
	// Locked: another process has the store open.
	Locked Reason = "Locked"
	// Invalid: an entry's name or version cannot be a file name.
	Invalid Reason = "Invalid"
	// Failed: anything else.
	Failed Reason = "Failed"
)

// Error is the error type of Open and Commit. It never contains any part of a file's content.
type Error struct {
	Reason Reason
	// Op is the file operation that failed, and Path the file that it failed on.
	Op, Path string
	// Remedy says how to fix it. It may be empty.
	Remedy string
	// Err is the cause, often a syscall.Errno.
	Err error
}

func (e *Error) Error() string {
	text := e.Op + " " + e.Path
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.Remedy != "" {
		text += ": " + e.Remedy
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Permanent reports that a retry cannot succeed before somebody changes the directory or the
// settings. A volume that is full can have space again at any time.
func (e *Error) Permanent() bool {
	switch e.Reason {
	case ReadOnly, Denied, Conflict, Invalid:
		return true
	default:
		return false
	}
}

// FailureReason implements certsync's behaviour of errors.
func (*Error) FailureReason() string { return contract.ReasonStore }

// fileError returns the Error for a failed file operation, with its remedy.
func fileError(op, path string, err error) *Error {
	e := &Error{Reason: Failed, Op: op, Path: path, Err: cause(err)}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		e.Reason, e.Remedy = NoSpace, "free space on its file system, or raise the size limit of the volume"
	case errors.Is(err, syscall.EROFS):
		e.Reason, e.Remedy = ReadOnly, "make its file system writable for certsync, or use another certificateStoreLocation"
	case errors.Is(err, syscall.ENOTDIR):
		e.Reason = Conflict
		e.Remedy = "a directory is needed there: remove or rename the file, or use another certificateStoreLocation"
	case errors.Is(err, fs.ErrPermission):
		e.Reason, e.Remedy = Denied, fmt.Sprintf("allow user ID %d to write to the store's directory", os.Geteuid())
	}
	return e
}

// cause removes the text that package os adds: the operation again, and a path relative to the
// store.
func cause(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}
