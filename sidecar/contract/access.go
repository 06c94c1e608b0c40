package contract

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// access says who may read files.
type access struct {
	mode fs.FileMode
	acls []ACL
	// given is set where fileMode says it, for all certificates.
	given bool
}

// ownerOnly is the mode of files that nobody else is to read, or nobody whom an ACL does not name.
const ownerOnly = fs.FileMode(0o600)

// entryAccess decides who may read an entry's files, by the first that says it: fileMode together with the entry's
// acls; the entry's acls; readers; else the owner alone.
func (v *validator) entryAccess(acls []ACL) (fs.FileMode, []ACL) {
	switch {
	case v.access.given:
		return v.access.mode, acls
	case len(acls) > 0:
		return ownerOnly, acls
	}
	return v.access.mode, slices.Clone(v.access.acls)
}

// defaultAccess is what fileMode says, or else readers.
func (v *validator) defaultAccess(s *SecretsManagement) access {
	a := v.readers(s.Readers)
	if s.FileMode == "" {
		return a
	}
	mode, err := ParseFileMode(s.FileMode)
	if err != nil {
		v.fail(pathSecrets+".fileMode", s.FileMode, "%s", err)
	}
	return access{mode: mode, given: true}
}

func (v *validator) readers(list []string) access {
	a := access{mode: ownerOnly}
	for i, text := range list {
		at := fmt.Sprintf("%s.readers[%d]", pathSecrets, i)
		switch id, ok := ParseID(text); {
		case text == ReadersGroup:
			a.mode |= 0o040
		case text == ReadersEveryone:
			a.mode |= 0o044
		case !ok:
			v.fail(at, text, "expected the number of a user, %s or %s", ReadersGroup, ReadersEveryone)
		default:
			a.acls = append(a.acls, ACL{User: strconv.FormatUint(uint64(id), 10)})
		}
	}
	return a
}

// ParseFileMode reads permission bits in octal ("0640" or "640"). The owner, which is the sidecar, must be
// able to read, and not everybody may write: published files never change.
func ParseFileMode(s string) (fs.FileMode, error) {
	bits, err := strconv.ParseUint(s, 8, 32)
	mode := fs.FileMode(bits)
	switch {
	case err != nil:
		return 0, fmt.Errorf(`expected permission bits in octal, as in "0640"`)
	case bits > 0o777:
		return 0, fmt.Errorf("more than the nine permission bits: set-user-ID, set-group-ID and sticky are not allowed; at most 0777")
	case mode&0o400 == 0:
		return 0, fmt.Errorf("the owner must be able to read: add 0400")
	case mode&0o002 != 0:
		return 0, fmt.Errorf("everybody could write to a private key: remove 0002")
	}
	return mode, nil
}

// acls returns the ACL entries that hold. In a pod there is no user database, so names say nothing there.
func (v *validator) acls(path string, list []ACL) []ACL {
	if len(list) == 0 {
		return nil
	}
	if enabled := v.settings.SecretsManagement.ACLEnabled; enabled == nil || !*enabled {
		v.warn(path, "ignored, since %s.aclEnabled is not true", pathSecrets)
		return nil
	}
	var kept []ACL
	var names []string
	for i, acl := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		if acl == (ACL{}) {
			v.fail(at, "", "names neither a user nor a group")
			continue
		}
		user := v.principal(at+".user", acl.User, &names)
		group := v.principal(at+".group", acl.Group, &names)
		if held := (ACL{User: user, Group: group}); held != (ACL{}) && !slices.Contains(kept, held) {
			kept = append(kept, held)
		}
	}
	if len(names) > 0 {
		v.warn(path, "%s ignored: there is no user database in a pod; give numbers", strings.Join(names, ", "))
	}
	return kept
}

// principal returns a user's or group's name or number where it holds, and adds it to ignored where not.
func (v *validator) principal(path, text string, ignored *[]string) string {
	switch {
	case text == "":
		return ""
	case digits(text):
		id, ok := ParseID(text)
		if !ok {
			v.fail(path, text, "a user or group number is at most 4294967294")
			return ""
		}
		return strconv.FormatUint(uint64(id), 10)
	case strings.ContainsAny(text, ":/\n\x00"):
		v.fail(path, text, "is no name of a user or group")
		return ""
	case v.mode == Pod:
		*ignored = append(*ignored, quote(text))
		return ""
	default:
		return text
	}
}

// ParseID returns the number that a user or group of an ACL is given as; false means that it is a name.
// 4294967295 is no ID: system calls take it for "unchanged".
func ParseID(text string) (uint32, bool) {
	id, err := strconv.ParseUint(text, 10, 32)
	return uint32(id), err == nil && digits(text) && id < 1<<32-1
}
