package contract

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// access describes who can read files.
type access struct {
	mode fs.FileMode
	acls []ACL
	// explicit is true if mode comes from the setting fileMode, which applies to all certificates.
	explicit bool
}

// ownerOnly is the mode of files that only the owner, and users and groups with an ACL entry, can
// read.
const ownerOnly = fs.FileMode(0o600)

// entryAccess decides who can read the files of an entry, by the first of these that is given:
// fileMode together with the entry's acls; the entry's acls; readers. Otherwise only the owner can.
func (v *validator) entryAccess(acls []ACL) (fs.FileMode, []ACL) {
	switch {
	case v.access.explicit:
		return v.access.mode, acls
	case len(acls) > 0:
		return ownerOnly, acls
	}
	return v.access.mode, slices.Clone(v.access.acls)
}

// defaultAccess returns the access of entries without acls: by fileMode, otherwise by readers.
func (v *validator) defaultAccess(s *SecretsManagement) access {
	a := v.readers(s.Readers)
	if s.FileMode == "" {
		return a
	}
	mode, err := parseFileMode(s.FileMode)
	if err != nil {
		v.fail(PathSecrets+".fileMode", s.FileMode, "%s", err)
	}
	return access{mode: mode, explicit: true}
}

func (v *validator) readers(list []string) access {
	a := access{mode: ownerOnly}
	for i, text := range list {
		at := fmt.Sprintf("%s.readers[%d]", PathSecrets, i)
		switch id, ok := ParseID(text); {
		case text == ReadersGroup:
			a.mode |= 0o040
		case text == ReadersEveryone:
			a.mode |= 0o044
		case !ok:
			v.fail(at, text, "expected a user number, %s or %s", ReadersGroup, ReadersEveryone)
		default:
			a.acls = append(a.acls, ACL{User: strconv.FormatUint(uint64(id), 10)})
		}
	}
	return a
}

// parseFileMode reads permission bits in octal ("0640" or "640"). The owner is the sidecar, so it
// must be able to read. Others must not be able to write, because published files never change.
func parseFileMode(s string) (fs.FileMode, error) {
	bits, err := strconv.ParseUint(s, 8, 32)
	mode := fs.FileMode(bits)
	switch {
	case err != nil:
		return 0, fmt.Errorf(`expected permission bits in octal, as in "0640"`)
	case bits > 0o777:
		return 0, fmt.Errorf("expected at most 0777: the set-user-ID, set-group-ID and sticky bits are not allowed")
	case mode&0o400 == 0:
		return 0, fmt.Errorf("the owner must be able to read: add 0400")
	case mode&0o002 != 0:
		return 0, fmt.Errorf("everyone could write to the private key: remove 0002")
	}
	return mode, nil
}

// acls returns the ACL entries that apply: all of them unless aclEnabled is false, as in version 4
// of the extension. A pod has no user database, so names are ignored there.
func (v *validator) acls(path string, list []ACL) []ACL {
	if len(list) == 0 {
		return nil
	}
	if enabled := v.settings.SecretsManagement.ACLEnabled; enabled != nil && !*enabled {
		v.warn(path, "ignored because %s.aclEnabled is false", PathSecrets)
		return nil
	}
	var kept []ACL
	var names []string
	for i, acl := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		if acl == (ACL{}) {
			v.fail(at, "", "has neither a user nor a group")
			continue
		}
		user := v.principal(at+".user", acl.User, &names)
		group := v.principal(at+".group", acl.Group, &names)
		if valid := (ACL{User: user, Group: group}); valid != (ACL{}) && !slices.Contains(kept, valid) {
			kept = append(kept, valid)
		}
	}
	if len(names) > 0 {
		v.warn(path, "%s ignored: a pod has no user database; use numbers instead of names", strings.Join(names, ", "))
	}
	return kept
}

// principal returns the name or number of a user or group. A name that does not apply is added to
// ignored; for that and for an invalid value it returns "".
func (v *validator) principal(path, text string, ignored *[]string) string {
	switch {
	case text == "":
		return ""
	case digits(text):
		id, ok := ParseID(text)
		if !ok {
			v.fail(path, text, "a user or group number is at most %d", maxID)
			return ""
		}
		return strconv.FormatUint(uint64(id), 10)
	case strings.ContainsAny(text, ":/\n\x00"):
		v.fail(path, text, "is not the name of a user or group")
		return ""
	case v.mode == Pod:
		*ignored = append(*ignored, quote(text))
		return ""
	default:
		return text
	}
}

// maxID is the highest user or group ID. System calls interpret the next one as "unchanged".
//
// Source: chown(2)
const maxID uint32 = 1<<32 - 2

// ParseID returns the number of a user or group of an ACL, from 0 to 4294967294 in decimal digits.
// The result is false if text is anything else, such as a name.
func ParseID(text string) (uint32, bool) {
	id, err := strconv.ParseUint(text, 10, 32)
	return uint32(id), err == nil && digits(text) && id <= uint64(maxID)
}
