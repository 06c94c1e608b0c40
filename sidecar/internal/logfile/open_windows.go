package logfile

import (
	"os"

	"golang.org/x/sys/windows"
)

// openFile opens a file to append to it, so that others can rename and remove it: package os does
// not share this right. A new file has the access that its directory hands down.
func openFile(path string) (*os.File, error) {
	utf16, err := windows.UTF16PtrFromString(path)
	if err == nil {
		var handle windows.Handle
		handle, err = windows.CreateFile(utf16, windows.FILE_APPEND_DATA|windows.FILE_READ_ATTRIBUTES,
			windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, nil, windows.OPEN_ALWAYS, windows.FILE_ATTRIBUTE_NORMAL, 0)
		if err == nil {
			return os.NewFile(uintptr(handle), path), nil
		}
	}
	return nil, &os.PathError{Op: "open", Path: path, Err: err}
}
