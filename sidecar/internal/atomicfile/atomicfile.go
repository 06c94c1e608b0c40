// Package atomicfile replaces small files that others read at any time.
//
// It guarantees that a reader sees the old content or the new content, never a part of it, also
// when the process dies while it writes. It does not sync to disk: after a power failure the file
// may be missing, old or empty, so use it only for files that the program can do without.
// Certificates are the task of package store.
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
)

// suffix is appended to a file's path for the file that is renamed to it.
const suffix = ".new"

// WriteFile replaces the file at path: it writes a new file beside it and renames that one. perm,
// less the process's umask, applies to a new file. After an error the old content is still there.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	temporary := path + suffix
	err := os.WriteFile(temporary, data, perm)
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		return errors.Join(err, removeIfExists(temporary))
	}
	return nil
}

func removeIfExists(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
