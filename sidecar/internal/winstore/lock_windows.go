package winstore

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/windows"
)

// lock makes sure that only one process uses a store. The lock is a named object, which Windows
// removes when the process ends for any reason.
func lock(name string) (windows.Handle, error) {
	object := `Global\azure-cert-sync-` + strings.ReplaceAll(name, `\`, "-")
	if where, _, _ := strings.Cut(name, `\`); !places[where].machine {
		user, err := windows.GetCurrentProcessToken().GetTokenUser()
		if err != nil {
			return 0, fmt.Errorf("user of the process: %w", err)
		}
		object += "-" + user.User.Sid.String()
	}
	utf16, err := windows.UTF16PtrFromString(object)
	if err != nil {
		return 0, err
	}
	handle, err := windows.CreateMutex(nil, false, utf16)
	switch {
	case errors.Is(err, windows.ERROR_ALREADY_EXISTS):
		_ = windows.CloseHandle(handle) // of the other process's object
		return 0, errInUse
	case errors.Is(err, windows.ERROR_ACCESS_DENIED):
		return 0, errInUse // the object belongs to another user
	}
	return handle, err
}
