package winstore

import (
	"errors"
	"testing"

	"golang.org/x/sys/windows"
)

// What an administrator can correct has a sentence that says how. Wine has neither full disks nor
// locks for its stores, so the errors are those that Windows documents.
func TestErrors(t *testing.T) {
	for cause, want := range map[error]string{
		windows.ERROR_FILE_NOT_FOUND:            `the store does not exist: correct certificateStoreName, or create the store with PowerShell: New-Item Cert:\LocalMachine\Web`,
		windows.ERROR_ACCESS_DENIED:             "access denied: run certsync as SYSTEM or as an administrator, or use certificateStoreLocation CurrentUser",
		windows.Errno(windows.NTE_PERM):         "access denied: run certsync as SYSTEM or as an administrator, or use certificateStoreLocation CurrentUser",
		windows.ERROR_DISK_FULL:                 "the disk is full: free space on it; the store keeps its certificates",
		windows.ERROR_HANDLE_DISK_FULL:          "the disk is full: free space on it; the store keeps its certificates",
		windows.ERROR_SHARING_VIOLATION:         "another program has locked the store: the next attempt follows",
		windows.ERROR_LOCK_VIOLATION:            "another program has locked the store: the next attempt follows",
		errors.New("something else has failed"): "something else has failed",
	} {
		err := &Error{Store: `LocalMachine\Web`, Op: "write", Err: cause}
		if got := err.Error(); got != `certificate store LocalMachine\Web: write: `+want {
			t.Errorf("%v: got %s, want %s", cause, got, want)
		}
		if !errors.Is(err, cause) {
			t.Errorf("%v is not the cause of %v", cause, err)
		}
	}
}
