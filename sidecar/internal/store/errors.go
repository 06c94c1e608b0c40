package store

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

// Error is what Open and Commit return.
type Error struct {
	Reason Reason
	// Op and Path say what failed: the file operation, and the path that it was on.
	Op, Path string
	// Do says what to do about it.
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

func (e *Error) Unwrap() error { return e.Err }
