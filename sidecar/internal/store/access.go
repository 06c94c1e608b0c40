package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// Access defines who may read the files of a certificate. The running process always owns them.
type Access struct {
	// Mode are the permission bits, for example 0o600.
	Mode uint32
	// Group is the group of the files. If it is nil, the file system chooses the group.
	Group *uint32
	// ReadUsers and ReadGroups may also read the files, by a POSIX ACL. If the file system does not
	// support ACLs, Options.Private decides who may read them, and Commit returns a warning.
	ReadUsers  []uint32
	ReadGroups []uint32
}

// union grants access to everyone who has access by a or by b.
func (a Access) union(b Access) Access {
	a.Mode |= b.Mode
	if a.Group == nil {
		a.Group = b.Group
	} else if b.Group != nil && *b.Group != *a.Group {
		// A file has only one group. The ACL grants access to the other one.
		a.ReadGroups = append(slices.Clone(a.ReadGroups), *b.Group)
	}
	a.ReadUsers = append(slices.Clone(a.ReadUsers), b.ReadUsers...)
	a.ReadGroups = append(slices.Clone(a.ReadGroups), b.ReadGroups...)
	return a
}

func (a Access) needsACL() bool { return len(a.ReadUsers)+len(a.ReadGroups) > 0 }

// perm is an Access in the form that a file has: the permissions to set, and those that it has.
type perm struct {
	mode uint32
	gid  *uint32
	acl  []byte // empty: no ACL
}

func (s *Store) perm(a Access) perm {
	p := perm{mode: a.Mode & 0o777, gid: a.Group}
	switch {
	case !a.needsACL():
	case s.acl:
		p.acl = encodeACL(a)
		// If a file has an ACL, its group bits are the ACL's mask (acl(5), "Correspondence").
		p.mode = p.mode&^0o070 | aclMask(a)<<3
	case s.options.Private:
		p.mode &= privateMode
	default:
		p.mode = publicMode
	}
	return p
}

// permOf returns the permissions of a file.
func permOf(file *os.File) (perm, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		return perm{}, err
	}
	p := perm{mode: st.Mode & 0o777, gid: &st.Gid}
	acl, err := readACL(file)
	if err != nil {
		return perm{}, err
	}
	p.acl = acl
	return p, nil
}

// readACL returns the ACL of a file; nil if it has none.
func readACL(file *os.File) ([]byte, error) {
	size, err := unix.Fgetxattr(int(file.Fd()), xattrACL, nil)
	if errors.Is(err, syscall.ENODATA) || errors.Is(err, syscall.EOPNOTSUPP) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	acl := make([]byte, size)
	n, err := unix.Fgetxattr(int(file.Fd()), xattrACL, acl)
	if err != nil {
		return nil, err
	}
	return acl[:n], nil
}

// matches reports whether a file already has these permissions and this process owns it.
func (p perm) matches(file *os.File) bool {
	info, err := file.Stat()
	if err != nil {
		return false
	}
	got, err := permOf(file)
	return err == nil && ownedByProcess(info) && got.mode == p.mode && (p.gid == nil || *got.gid == *p.gid) &&
		bytes.Equal(got.acl, p.acl)
}

func ownedByProcess(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Uid == uint32(os.Geteuid())
}

// The extended attribute with the POSIX ACL of a file, and the parts of its value.
//
// Source: include/uapi/linux/posix_acl.h and posix_acl_xattr.h of Linux
const (
	xattrACL   = "system.posix_acl_access"
	aclVersion = 2

	aclUserObj  = 0x01
	aclUser     = 0x02
	aclGroupObj = 0x04
	aclGroup    = 0x08
	aclMaskTag  = 0x10
	aclOther    = 0x20

	aclRead = 4
	aclNoID = 0xffffffff
)

func aclMask(a Access) uint32 { return a.Mode>>3&7 | aclRead }

// encodeACL returns the ACL in the order that the kernel requires and returns: by tag, then by ID.
func encodeACL(a Access) []byte {
	out := binary.LittleEndian.AppendUint32(nil, aclVersion)
	add := func(tag uint16, perm, id uint32) {
		out = binary.LittleEndian.AppendUint16(out, tag)
		out = binary.LittleEndian.AppendUint16(out, uint16(perm))
		out = binary.LittleEndian.AppendUint32(out, id)
	}
	add(aclUserObj, a.Mode>>6&7, aclNoID)
	for _, id := range sortedIDs(a.ReadUsers) {
		add(aclUser, aclRead, id)
	}
	add(aclGroupObj, a.Mode>>3&7, aclNoID)
	for _, id := range sortedIDs(a.ReadGroups) {
		add(aclGroup, aclRead, id)
	}
	add(aclMaskTag, aclMask(a), aclNoID)
	add(aclOther, a.Mode&7, aclNoID)
	return out
}

func sortedIDs(ids []uint32) []uint32 {
	return slices.Compact(slices.Sorted(slices.Values(ids)))
}

// supportsACL reports whether the file system of the store's directory supports ACLs, without
// changing anything.
func supportsACL(dir *os.File) bool {
	_, err := unix.Fgetxattr(int(dir.Fd()), xattrACL, nil)
	return !errors.Is(err, syscall.EOPNOTSUPP)
}
