package inject

import (
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// access decides who may read certificates whose settings do not say who may. The first row that
// matches applies:
//
//	the app's containers                     the sidecar's user  files                  readers
//	---------------------------------------  ------------------  ---------------------  --------
//	all have the same user ID, not 0         that ID, see below  0600
//	several known IDs, none is 0             see sidecarUser     0600, ACL for each ID  the IDs
//	an fsGroup, and no container is root     see sidecarUser     0640, in that group    group
//	any other: an ID is 0 or not known       see sidecarUser     0644, as in a Secret   everyone
//
// An ID that the cluster assigns to the namespace's containers is not set: the cluster gives it to
// the sidecar, too.
//
// The readers do not depend on the settings. In the sidecar the settings take precedence, and the
// sidecar follows edits of them.
func (in *injection) access() (user *int64, readers []string) {
	if in.settings.EndpointOnly {
		return sidecarUser(in.pod), nil
	}
	users, known, root := in.appUsers()
	switch {
	case known && len(users) == 1:
		if assigned := in.settings.AssignedUser; assigned != nil && *assigned == users[0] {
			return nil, nil
		}
		return &users[0], nil
	case known:
		for _, id := range users {
			readers = append(readers, strconv.FormatInt(id, 10))
		}
	case in.pod.Spec.SecurityContext != nil && in.pod.Spec.SecurityContext.FSGroup != nil && !root:
		readers = []string{contract.ReadersGroup}
	default:
		readers = []string{contract.ReadersEveryone}
	}
	return sidecarUser(in.pod), readers
}

// appUsers returns the distinct user IDs, sorted, of the containers that get the certificates.
// known reports that all IDs are known and none is 0; root reports that one may be 0.
func (in *injection) appUsers() (users []int64, known, root bool) {
	known = true
	for _, c := range in.apps {
		if !in.serves(c) {
			continue
		}
		id, nonRoot := userOf(in.pod.Spec.SecurityContext, c.SecurityContext)
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

// userOf returns the user ID that a container runs as, nil where its image decides, and whether the
// container cannot be root.
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

// sidecarUser returns the user ID to set on a sidecar that does not share the app's ID, or nil. Its
// image already has contract.DefaultUserID. Setting that ID would be refused by clusters that
// assign user IDs, as OpenShift does, so it is set only where the pod would make the sidecar root.
func sidecarUser(pod *corev1.Pod) *int64 {
	if sc := pod.Spec.SecurityContext; sc != nil && sc.RunAsUser != nil && *sc.RunAsUser == 0 {
		id := int64(contract.DefaultUserID)
		return &id
	}
	return nil
}
