//go:build !windows

package certfiles

import (
	"fmt"
	"os/user"
	"strconv"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/store"
)

// access returns who may read a certificate's files. It looks up names in the user database of the
// host; in a pod, settings contain only numbers.
func access(c contract.Certificate) (store.Access, error) {
	a := store.Access{Mode: uint32(c.Mode)}
	for _, acl := range c.ACLs {
		if acl.User != "" {
			id, err := userID(acl.User)
			if err != nil {
				return a, unknownPrincipal(err)
			}
			a.ReadUsers = append(a.ReadUsers, id)
		}
		if acl.Group != "" {
			id, err := groupID(acl.Group)
			if err != nil {
				return a, unknownPrincipal(err)
			}
			a.ReadGroups = append(a.ReadGroups, id)
		}
	}
	return a, nil
}

func unknownPrincipal(err error) error {
	return fmt.Errorf("acls: %w: create it on this host, or correct or remove the entry; existing access is unchanged", err)
}

func userID(name string) (uint32, error) {
	if id, ok := contract.ParseID(name); ok {
		return id, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return 0, err
	}
	return parseID(u.Uid)
}

func groupID(name string) (uint32, error) {
	if id, ok := contract.ParseID(name); ok {
		return id, nil
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, err
	}
	return parseID(g.Gid)
}

func parseID(text string) (uint32, error) {
	id, err := strconv.ParseUint(text, 10, 32)
	return uint32(id), err
}
