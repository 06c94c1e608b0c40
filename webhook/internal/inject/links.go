package inject

import (
	"fmt"
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// imageLinks are directories that are symbolic links in many images: those of Debian, Fedora,
// Alpine and what is built on them. A container runtime follows them when it mounts a volume.
var imageLinks = []struct{ from, to string }{
	{"/var/run", "/run"},
	{"/var/lock", "/run/lock"},
	{"/bin", "/usr/bin"},
	{"/sbin", "/usr/sbin"},
	{"/lib", "/usr/lib"},
	{"/lib32", "/usr/lib32"},
	{"/lib64", "/usr/lib64"},
	{"/var/mail", "/var/spool/mail"},
	{"/usr/tmp", "/var/tmp"},
}

// followLinks returns where a clean path leads in an image that has all of imageLinks.
func followLinks(p string) string {
	for i := range imageLinks {
		if l := &imageLinks[i]; contract.Within(p, l.from) {
			return l.to + p[len(l.from):]
		}
	}
	return p
}

// linkWarning returns a warning about two mounts that collide in an image with links.
func linkWarning(c *container, m *corev1.VolumeMount, at string, use mountUse, effect string) string {
	other := path.Clean(m.MountPath)
	var links []string
	for _, l := range imageLinks {
		if contract.Within(at, l.from) || contract.Within(other, l.from) {
			links = append(links, l.from+" is a link to "+l.to)
		}
	}
	return fmt.Sprintf("container %s mounts volume %s at %s, and %s is mounted at %s: if %s in the container's image, %s: %s",
		c.Name, m.Name, other, use.what, at, strings.Join(links, " and "), effect, use.remedy)
}
