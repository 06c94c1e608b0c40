package inject

import (
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// access decides who may read certificates about which the settings do not say it, by the first row that holds:
//
//	the app's containers                         the sidecar's user          files                     readers
//	-------------------------------------------  --------------------------  ------------------------  --------
//	all have one user ID, not 0                  that                        0600
//	several known IDs, none 0                    see user                    0600, and an ACL for all  the IDs
//	the pod has an fsGroup, no container is root see user                    0640, in that group       group
//	any other: an ID is 0 or not known           see user                    0644, as of a Secret's    everyone
//	                                                                         volume
//
// Readers do not depend on the settings: what these say wins in the sidecar, which also follows their edits.
func (p *pass) access() (user *int64, readers []string) {
	if p.s.EndpointOnly {
		return p.user(), nil
	}
	users, known, root := p.users()
	switch {
	case known && len(users) == 1:
		return &users[0], nil
	case known:
		for _, id := range users {
			readers = append(readers, strconv.FormatInt(id, 10))
		}
	case p.pod.Spec.SecurityContext != nil && p.pod.Spec.SecurityContext.FSGroup != nil && !root:
		readers = []string{contract.ReadersGroup}
	default:
		readers = []string{contract.ReadersEveryone}
	}
	return p.user(), readers
}

// users returns the distinct user IDs, sorted, of the containers that certificates are for. All of them are known,
// and none is 0, where known is set; root reports that one may be 0.
func (p *pass) users() (users []int64, known, root bool) {
	known = true
	for i := range p.apps {
		c := &p.apps[i]
		if !p.serves(c) {
			continue
		}
		id, nonRoot := userOf(p.pod.Spec.SecurityContext, c.SecurityContext)
		switch {
		case id == nil || *id == 0:
			known = false
			root = root || !nonRoot || id != nil
		case !slices.Contains(users, *id):
			users = append(users, *id)
		}
	}
	slices.Sort(users)
	return users, known && len(users) > 0, root
}

// userOf returns the user ID that a container is given, nil where its image decides, and whether it cannot be root.
func userOf(pod *corev1.PodSecurityContext, c *corev1.SecurityContext) (id *int64, nonRoot bool) {
	if pod != nil {
		id = pod.RunAsUser
		nonRoot = pod.RunAsNonRoot != nil && *pod.RunAsNonRoot
	}
	if c != nil && c.RunAsUser != nil {
		id = c.RunAsUser
	}
	if c != nil && c.RunAsNonRoot != nil {
		nonRoot = *c.RunAsNonRoot
	}
	return id, nonRoot
}

// user returns the user ID to set on a sidecar that shares none with the app, or nil. Its image says
// contract.DefaultUserID, which is left at that, because a cluster that assigns user IDs, as OpenShift does,
// refuses others; but root, set on the whole pod, is not for the sidecar.
func (p *pass) user() *int64 {
	if sc := p.pod.Spec.SecurityContext; sc != nil && sc.RunAsUser != nil && *sc.RunAsUser == 0 {
		id := int64(contract.DefaultUserID)
		return &id
	}
	return nil
}
