package config

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// checkIDs returns an error if an ACL names a user or group ID that does not exist in the process's
// user namespace. In a pod with "hostUsers: false", only 65536 of each exist, and the kernel
// refuses others with "invalid argument".
//
// Source: user_namespaces(7), "User and group ID mappings: uid_map and gid_map"
func checkIDs(c *contract.Config, where contract.Mode) error {
	users, groups := readIDMap("/proc/self/uid_map"), readIDMap("/proc/self/gid_map")
	var errs []error
	for _, certificate := range c.Certificates {
		for _, acl := range certificate.ACLs {
			errs = append(errs, users.check(where, "user", acl.User, certificate),
				groups.check(where, "group", acl.Group, certificate))
		}
	}
	return errors.Join(errs...)
}

// idRanges are the IDs of a user namespace; nil if the kernel has no user namespaces.
type idRanges []struct{ first, count uint32 }

func readIDMap(path string) idRanges {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	return parseIDMap(f)
}

func parseIDMap(r io.Reader) (ranges idRanges) {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		var inside, outside, count uint32
		if _, err := fmt.Sscan(lines.Text(), &inside, &outside, &count); err == nil {
			ranges = append(ranges, struct{ first, count uint32 }{inside, count})
		}
	}
	return ranges
}

func (l idRanges) check(where contract.Mode, kind, text string, c contract.Certificate) error {
	id, ok := contract.ParseID(text)
	if !ok || l == nil {
		return nil
	}
	available := make([]string, len(l))
	for i, r := range l {
		if id >= r.first && id-r.first < r.count {
			return nil
		}
		available[i] = fmt.Sprintf("%d to %d", r.first, uint64(r.first)+uint64(r.count)-1)
	}
	return fmt.Errorf("acls of %s: %s %s %s user namespace has only %s", c.FileName(), kind, text,
		where.Text("needs a new pod without hostUsers: false: its", "does not exist: certsync's"), strings.Join(available, " and "))
}
