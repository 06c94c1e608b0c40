package inject

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

// access decides who may read the certificates, by the first row that holds:
//
//	the app's containers                         the sidecar's user          files
//	-------------------------------------------  --------------------------  -------------------------------
//	all have one user ID, not 0                  that                        0600
//	several known IDs, none 0                    see user                    0600 and an ACL entry for each
//	the pod has an fsGroup, no container is root see user                    0640, in that group
//	any other: an ID is 0 or not known           see user                    0644, as of a Secret's volume
//
// File modes and ACL entries that the settings give override the last column: where any certificate has ACL
// entries, the mode, which is that of all, is not opened. The entries of a ConfigMap cannot be given ACLs, so that
// with one the second row is left out.
func (p *pass) access() (user *int64, a settings.Access) {
	users, known, root := p.users()
	user = p.user()
	if known && len(users) == 1 {
		user = &users[0]
	}
	switch {
	case p.s.Config.FileMode != nil || known && len(users) == 1:
	case known && p.s.CanList():
		a.Users = users
	case p.restricted():
	case p.pod.Spec.SecurityContext != nil && p.pod.Spec.SecurityContext.FSGroup != nil && !root:
		a.FileMode = "0640"
	default:
		a.FileMode = "0644"
	}
	return user, a
}

// restricted reports whether the settings have ACL entries, and warns of certificates that have none.
func (p *pass) restricted() bool {
	var without []string
	for i := range p.s.Config.Certificates {
		if c := &p.s.Config.Certificates[i]; len(c.ACLs) == 0 {
			without = append(without, c.FileName())
		}
	}
	if len(without) == len(p.s.Config.Certificates) {
		return false
	}
	if len(without) > 0 {
		p.warn("only the sidecar may read " + strings.Join(without, ", ") + ": other certificates have acls, so that files are not opened to everybody; " +
			"give these acls too, or set annotation " + contract.Prefix + contract.KeyFileMode)
	}
	return true
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
