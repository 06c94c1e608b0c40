// Package smallfile reads files that someone else writes: settings, tokens, passwords.
//
// It guarantees that reading takes little memory and never waits, no matter what is in the file's
// place: a file that grows without end, a FIFO that nobody writes to, a device, or a directory.
package smallfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// MaxSecret is the limit for the file of a token or a password, in bytes. A service-account token
// has about 1,500 bytes.
const MaxSecret = 64 << 10

// ErrUnfit is the cause of an error if the file exists, but is not a regular file or is too long.
var ErrUnfit = errors.New("unfit file")

// unfit is an ErrUnfit with its own text.
type unfit string

func (u unfit) Error() string        { return string(u) }
func (u unfit) Is(target error) bool { return target == ErrUnfit }

// Read returns the content of a regular file of at most limit bytes. Symbolic links are followed.
// An error is an *fs.PathError, which names the file.
func Read(path string, limit int64) ([]byte, error) {
	// Without O_NONBLOCK, opening a FIFO would wait for a writer.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if errors.Is(err, syscall.ENXIO) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: unfit("is a socket or a device, not a regular file")}
	}
	if err != nil {
		return nil, err
	}
	defer file.Close() // only read, so an error does not matter
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: path, Err: unfit("is a " + kind(info.Mode()) + ", not a regular file")}
	}
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > limit {
		return nil, &fs.PathError{Op: "read", Path: path, Err: unfit(fmt.Sprintf("is longer than %d KiB", limit>>10))}
	}
	return content, nil
}

func kind(mode fs.FileMode) string {
	switch mode.Type() {
	case fs.ModeDir:
		return "directory"
	case fs.ModeNamedPipe:
		return "FIFO"
	default:
		return "device"
	}
}
