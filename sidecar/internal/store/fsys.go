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

// fsys contains all file operations of the store, one method for each kind. Names are relative to
// the store's directory, which stays open: all operations use the *at system calls on it and cannot
// leave it. Errors are *Error, except those of read and digest.
type fsys struct {
	root *os.Root
	dir  string
	// beforeChange, if set, is called before every operation that changes something. If it returns
	// an error, the operation fails with that error. Tests use it to stop the store at any point.
	beforeChange func(op, name string) error
}

// do runs one operation that changes something.
func (f *fsys) do(op, name string, change func() error) error {
	if f.beforeChange != nil {
		if err := f.beforeChange(op, name); err != nil {
			return fileError(op, filepath.Join(f.dir, name), err)
		}
	}
	if err := change(); err != nil {
		return fileError(op, filepath.Join(f.dir, name), err)
	}
	return nil
}

// mkdir creates a directory with mode 0755 and without an ACL, regardless of the umask and of the
// parent's default ACL. It keeps the set-group-ID bit, which directories inherit in a volume with
// an fsGroup.
func (f *fsys) mkdir(name string) error {
	if err := f.do("mkdir", name, func() error { return f.root.Mkdir(name, dirMode) }); err != nil {
		return err
	}
	info, err := f.root.Lstat(name)
	if err != nil {
		return fileError("stat", filepath.Join(f.dir, name), err)
	}
	if info.Mode().Perm() != dirMode {
		if err := f.do("chmod", name, func() error { return f.root.Chmod(name, dirMode|info.Mode()&fs.ModeSetgid) }); err != nil {
			return err
		}
	}
	dir, err := f.root.Open(name)
	if err != nil {
		return fileError("open", filepath.Join(f.dir, name), err)
	}
	defer dir.Close() // only read, so an error does not matter
	return f.removeACL(dir, name)
}

// create writes a new file and syncs it.
func (f *fsys) create(name string, data []byte, p perm) error { return f.write(name, data, p, true) }

// write writes a new file. The file has its permissions before it has content, so no one else can
// read the content at any moment: with mode 0600, which it is created with, only the owner can open
// it.
func (f *fsys) write(name string, data []byte, p perm, sync bool) (err error) {
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
	if err := f.setPerm(file, name, p); err != nil {
		return err
	}
	if err := f.do("write", name, func() error { _, err := file.Write(data); return err }); err != nil || !sync {
		return err
	}
	return f.do("fsync", name, file.Sync)
}

// setPerm sets the permissions of a new file, each by one system call. An ACL also sets the mode:
// chmod before it would let the owning group read the file, since the group bits of a mode are the
// mask of an ACL. Without an ACL, one that the file inherits from its directory goes first, since
// chmod would put it into force (acl(5), "Object creation and default ACLs").
func (f *fsys) setPerm(file *os.File, name string, p perm) error {
	if p.gid != nil {
		if err := f.do("chown", name, func() error { return file.Chown(-1, int(*p.gid)) }); err != nil {
			return err
		}
	}
	if len(p.acl) > 0 {
		return f.do("setfacl", name, func() error {
			return unix.Fsetxattr(int(file.Fd()), xattrACL, p.acl, 0)
		})
	}
	if err := f.removeACL(file, name); err != nil {
		return err
	}
	return f.do("chmod", name, func() error { return file.Chmod(fs.FileMode(p.mode)) })
}

// removeACL removes the ACL that a new file or directory has inherited, if it has one.
func (f *fsys) removeACL(file *os.File, name string) error {
	acl, err := readACL(file)
	if err != nil {
		return fileError("getfacl", filepath.Join(f.dir, name), err)
	}
	if acl == nil {
		return nil
	}
	return f.do("removefacl", name, func() error { return unix.Fremovexattr(int(file.Fd()), xattrACL) })
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

// remove removes a file, a link or an empty directory. If it does not exist, remove does nothing.
func (f *fsys) remove(name string) error {
	return f.do("remove", name, func() error {
		if err := f.root.Remove(name); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

// removeTree removes a directory and its contents. It continues after an error and returns the
// first one.
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

// syncDir makes the names in a directory durable. It ignores EINVAL: some file
// systems cannot sync directories.
func (f *fsys) syncDir(name string) error {
	return f.do("fsync", name, func() error {
		d, err := f.root.Open(name)
		if err != nil {
			return err
		}
		defer d.Close() // only read, so an error does not matter
		if err := d.Sync(); !errors.Is(err, syscall.EINVAL) {
			return err
		}
		return nil
	})
}

// list returns the contents of a directory, sorted by name. If the directory does not exist, it
// returns nothing.
func (f *fsys) list(name string) ([]fs.DirEntry, error) {
	d, err := f.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fileError("open", filepath.Join(f.dir, name), err)
	}
	defer d.Close() // only read, so an error does not matter
	entries, err := d.ReadDir(-1)
	if err != nil {
		return nil, fileError("read", filepath.Join(f.dir, name), err)
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// readlink returns the target of a symbolic link, or "" if the name is not a symbolic link.
func (f *fsys) readlink(name string) string {
	target, err := f.root.Readlink(name)
	if err != nil {
		return ""
	}
	return target
}

// exists reports whether the name exists, even as a dangling link.
func (f *fsys) exists(name string) bool {
	_, err := f.root.Lstat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

// read returns the content of a file, or an error if the file is longer than maxFileBytes. It does
// not wait for a FIFO in the file's place; that has no content.
func (f *fsys) read(name string) ([]byte, error) {
	file, err := f.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close() // only read, so an error does not matter
	data, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err == nil && len(data) > maxFileBytes {
		err = fmt.Errorf("longer than %d bytes", maxFileBytes)
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
	defer file.Close() // only read, so an error does not matter
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
