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

// Access says who may read the files of a certificate. Their owner is always the running process.
type Access struct {
	// Mode is the permission bits, such as 0o600.
	Mode uint32
	// Group is the files' group; nil leaves what the file system gives.
	Group *uint32
	// ReadUsers and ReadGroups may read, too, by a POSIX ACL. Where the file system has none, the mode
	// is 0644 and Commit returns a warning.
	ReadUsers  []uint32
	ReadGroups []uint32
}

// union lets everyone in whom a or b lets in.
func (a Access) union(b Access) Access {
	a.Mode |= b.Mode
	if a.Group == nil {
		a.Group = b.Group
	} else if b.Group != nil && *b.Group != *a.Group {
		// A file has one group; the other one gets in by the ACL.
		a.ReadGroups = append(slices.Clone(a.ReadGroups), *b.Group)
	}
	a.ReadUsers = append(slices.Clone(a.ReadUsers), b.ReadUsers...)
	a.ReadGroups = append(slices.Clone(a.ReadGroups), b.ReadGroups...)
	return a
}

func (a Access) wantsACL() bool { return len(a.ReadUsers)+len(a.ReadGroups) > 0 }

// perm is Access as it is on a file: what is set, and what is there afterwards.
type perm struct {
	mode uint32
	gid  *uint32
	acl  []byte // nil: none
}

// openMode is what files have where an ACL cannot be had, as files of a Kubernetes Secret do.
const openMode = 0o644

func (a Access) perm(aclSupported bool) perm {
	p := perm{mode: a.Mode & 0o777, gid: a.Group}
	switch {
	case !a.wantsACL():
	case aclSupported:
		p.acl = encodeACL(a)
		// The group bits of a file with an ACL are its mask (acl(5), "Correspondence").
		p.mode = p.mode&^0o070 | aclMask(a)<<3
	default:
		p.mode = openMode
	}
	return p
}

// permOf returns the permissions that a file has.
func permOf(file *os.File) (perm, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		return perm{}, err
	}
	p := perm{mode: st.Mode & 0o777, gid: &st.Gid}
	acl := make([]byte, 4096)
	n, err := unix.Fgetxattr(int(file.Fd()), xattrACL, acl)
	switch {
	case err == nil:
		p.acl = acl[:n]
	case !errors.Is(err, syscall.ENODATA) && !errors.Is(err, syscall.EOPNOTSUPP):
		return perm{}, err
	}
	return p, nil
}

// matches says whether a file has these permissions already and belongs to this process.
func (p perm) matches(file *os.File) bool {
	info, err := file.Stat()
	if err != nil {
		return false
	}
	has, err := permOf(file)
	return err == nil && isOwn(info) && has.mode == p.mode && (p.gid == nil || *has.gid == *p.gid) && bytes.Equal(has.acl, p.acl)
}

func isOwn(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Uid == uint32(os.Geteuid())
}

// The extended attribute that holds a POSIX ACL, and its parts.
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

// encodeACL returns the ACL in the order that the kernel demands, and gives back: by tag, then by ID.
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

// supportsACL asks about the store's directory, without changing anything.
func supportsACL(dir *os.File) bool {
	_, err := unix.Fgetxattr(int(dir.Fd()), xattrACL, nil)
	return !errors.Is(err, syscall.EOPNOTSUPP)
}
