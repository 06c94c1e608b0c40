package store

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const dirMode = 0o755

// fsys is every change and look at the file system that the store makes, one method for each kind.
// Names are relative to the store's directory, which is held open: all of them go through the *at
// system calls on it, and none leaves it. Errors are *Error.
type fsys struct {
	root *os.Root
	dir  string
	// before, where set, is called ahead of every operation that changes something, and its error
	// is returned in place of doing it. It lets tests stop the store at any point.
	before func(op, name string) error
}

func (f *fsys) do(op, name string, change func() error) error {
	if f.before != nil {
		if err := f.before(op, name); err != nil {
			return fileError(op, filepath.Join(f.dir, name), err)
		}
	}
	if err := change(); err != nil {
		return fileError(op, filepath.Join(f.dir, name), err)
	}
	return nil
}

// mkdir makes a directory of mode 0755 whatever the umask, and keeps the set-group-ID bit that a
// volume with an fsGroup hands down.
func (f *fsys) mkdir(name string) error {
	if err := f.do("mkdir", name, func() error { return f.root.Mkdir(name, dirMode) }); err != nil {
		return err
	}
	info, err := f.root.Lstat(name)
	if err != nil {
		return fileError("stat", filepath.Join(f.dir, name), err)
	}
	if info.Mode().Perm() == dirMode {
		return nil
	}
	return f.do("chmod", name, func() error {
		return f.root.Chmod(name, dirMode|info.Mode()&fs.ModeSetgid)
	})
}

// create writes a file that was not there, gives it its permissions before anyone can find it, and
// syncs it.
func (f *fsys) create(name string, data []byte, p perm) (err error) {
	var file *os.File
	err = f.do("create", name, func() (err error) {
		file, err = f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		return err
	})
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := file.Close(); closeErr != nil && err == nil {
			err = fileError("close", filepath.Join(f.dir, name), closeErr)
		}
	}()
	if err := f.do("write", name, func() error { _, err := file.Write(data); return err }); err != nil {
		return err
	}
	if err := f.permit(file, name, p); err != nil {
		return err
	}
	return f.do("fsync", name, file.Sync)
}

func (f *fsys) permit(file *os.File, name string, p perm) error {
	if p.gid != nil {
		if err := f.do("chown", name, func() error { return file.Chown(-1, int(*p.gid)) }); err != nil {
			return err
		}
	}
	if err := f.do("chmod", name, func() error { return file.Chmod(fs.FileMode(p.mode)) }); err != nil {
		return err
	}
	if p.acl == nil {
		return nil
	}
	return f.do("setfacl", name, func() error {
		return unix.Fsetxattr(int(file.Fd()), xattrACL, p.acl, 0)
	})
}

func (f *fsys) link(from, to string) error {
	return f.do("link", to, func() error { return f.root.Link(from, to) })
}

func (f *fsys) symlink(target, name string) error {
	return f.do("symlink", name, func() error { return f.root.Symlink(target, name) })
}

func (f *fsys) rename(from, to string) error {
	return f.do("rename", to, func() error { return f.root.Rename(from, to) })
}

// remove takes away a file, a link or an empty directory; that it is gone already is no error.
func (f *fsys) remove(name string) error {
	return f.do("remove", name, func() error {
		if err := f.root.Remove(name); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

// removeTree takes away a directory and what is in it, going on after an error; the first one is returned.
func (f *fsys) removeTree(name string) error {
	names, first := f.list(name)
	for _, entry := range names {
		child := path.Join(name, entry.Name())
		var err error
		if entry.IsDir() {
			err = f.removeTree(child)
		} else {
			err = f.remove(child)
		}
		if first == nil {
			first = err
		}
	}
	if err := f.remove(name); first == nil {
		first = err
	}
	return first
}

// syncDir makes names in a directory durable. A file system that cannot do that for directories says EINVAL.
func (f *fsys) syncDir(name string) error {
	return f.do("fsync", name, func() error {
		d, err := f.root.Open(name)
		if err != nil {
			return err
		}
		defer d.Close() // nothing was written through it
		if err := d.Sync(); !errors.Is(err, syscall.EINVAL) {
			return err
		}
		return nil
	})
}

// list returns what is in a directory, sorted by name; nothing where it is not there.
func (f *fsys) list(name string) ([]fs.DirEntry, error) {
	d, err := f.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fileError("open", filepath.Join(f.dir, name), err)
	}
	defer d.Close() // nothing was written through it
	entries, err := d.ReadDir(-1)
	if err != nil {
		return nil, fileError("read", filepath.Join(f.dir, name), err)
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// readlink returns the target of a symbolic link, and "" where nothing or something else is there.
func (f *fsys) readlink(name string) string {
	target, err := f.root.Readlink(name)
	if err != nil {
		return ""
	}
	return target
}

// exists says whether anything is there, a dangling link included.
func (f *fsys) exists(name string) bool {
	_, err := f.root.Lstat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

// read returns a whole file, and an error where it is longer than limit.
func (f *fsys) read(name string, limit int64) ([]byte, error) {
	file, err := f.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close() // nothing was written through it
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("longer than %d bytes", limit)
	}
	return data, err
}

// digest returns the SHA-256 digest of a regular file.
func (f *fsys) digest(name string) (string, error) {
	info, err := f.root.Lstat(name)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fs.ErrInvalid
	}
	file, err := f.root.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close() // nothing was written through it
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
