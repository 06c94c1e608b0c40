package listen

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
)

// ErrInUse is the error of Socket if another process serves the socket.
var ErrInUse = errors.New("another process serves the socket")

// Socket opens a unix socket for the current user only, and replaces the socket of a process that
// has ended. The error is ErrInUse, or names what failed on which path.
func Socket(path string) (net.Listener, error) {
	if conn, err := net.Dial("unix", path); err == nil {
		conn.Close()
		return nil, ErrInUse
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("%w: does the directory %s exist, and may user ID %d write to it?", err, filepath.Dir(path), os.Geteuid())
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}
