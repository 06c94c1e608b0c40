//go:build !windows

package logfile

import "os"

// openFile opens a file to append to it. Others than the owner can only read a new file.
func openFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
}
