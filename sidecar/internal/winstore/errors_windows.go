package winstore

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/windows"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// Error is a failure of a store. The store keeps what it has.
type Error struct {
	Store string // as contract.Certificate.Store
	Op    string
	Err   error
}

func (e *Error) Error() string {
	return fmt.Sprintf("certificate store %s: %s: %s", e.Store, e.Op, e.reason())
}

func (e *Error) Unwrap() error { return e.Err }

// FailureReason implements certsync's behaviour of errors.
func (*Error) FailureReason() string { return contract.ReasonStore }

func (e *Error) reason() string {
	if errors.Is(e.Err, windows.ERROR_FILE_NOT_FOUND) {
		where, name, _ := strings.Cut(e.Store, `\`)
		return fmt.Sprintf("the store does not exist: correct certificateStoreName, or create the store with PowerShell: New-Item Cert:\\%s\\%s",
			where, name)
	}
	return explain(e.Err)
}

// explain returns the text of an error that a store or a key can have, with what to do if Windows'
// text does not say that.
func explain(err error) string {
	switch {
	case errors.Is(err, windows.ERROR_ACCESS_DENIED), is(err, windows.NTE_PERM):
		return "access denied: run certsync as SYSTEM or as an administrator, or use certificateStoreLocation CurrentUser"
	case errors.Is(err, windows.ERROR_DISK_FULL), errors.Is(err, windows.ERROR_HANDLE_DISK_FULL):
		return "the disk is full: free space on it; the store keeps its certificates"
	case errors.Is(err, windows.ERROR_SHARING_VIOLATION), errors.Is(err, windows.ERROR_LOCK_VIOLATION):
		return "another program has locked the store: the next attempt follows"
	default:
		return err.Error()
	}
}

// is reports whether an error is one of the codes that package windows declares as a Handle.
func is(err error, code windows.Handle) bool { return errors.Is(err, windows.Errno(code)) }

// errInUse is the cause of an Error if another process has the store.
var errInUse = errors.New("another certsync uses the store: stop it, or give each another certificateStoreName")
