package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// Reason says what kind of thing is wrong. Its values are stable: they may be used in a status.
type Reason string

// Reasons of an Error.
const (
	// NoSpace: the volume is full.
	NoSpace Reason = "NoSpace"
	// ReadOnly: the file system is mounted read-only.
	ReadOnly Reason = "ReadOnly"
	// Denied: the process may not do it.
	Denied Reason = "Denied"
	// Conflict: something that is not the store's is in the way, or two entries want one name.
	Conflict Reason = "Conflict"
	// Locked: another process has the store open.
	Locked Reason = "Locked"
	// Invalid: an entry's name or version cannot be a file name.
	Invalid Reason = "Invalid"
	// Failed: anything else.
	Failed Reason = "Failed"
)

// Error is what Open and Commit return. It never holds anything of a file's content.
type Error struct {
	Reason Reason
	// Op and Path say what failed: the file operation, and the path that it was on.
	Op, Path string
	// Do says what to do about it; it may be empty.
	Do string
	// Err is the cause, often a syscall.Errno.
	Err error
}

func (e *Error) Error() string {
	text := e.Op + " " + e.Path
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.Do != "" {
		text += ": " + e.Do
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// fileError says what a failed file operation means for whoever runs the store.
func fileError(op, path string, err error) *Error {
	e := &Error{Reason: Failed, Op: op, Path: path, Err: cause(err)}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		e.Reason, e.Do = NoSpace, "free space on the volume or raise its size limit"
	case errors.Is(err, syscall.EROFS):
		e.Reason, e.Do = ReadOnly, "mount the volume read-write for the sidecar"
	case errors.Is(err, fs.ErrPermission):
		e.Reason, e.Do = Denied, fmt.Sprintf("let user ID %d write to the store's directory", os.Geteuid())
	}
	return e
}

// cause strips what package os adds, which repeats the operation and a path relative to the store.
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
