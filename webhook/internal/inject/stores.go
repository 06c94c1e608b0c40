package inject

import (
	"fmt"
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// stores mounts the stores, for reading, into the containers that certificates are for. A store at, above or
// below a mount of the container would hide one of the two, so that it is denied.
func (p *pass) stores() error {
	for i := range p.apps {
		c := &p.apps[i]
		if !p.serves(c) {
			continue
		}
		var missing []corev1.VolumeMount
		for n, at := range p.s.Stores {
			mounted, err := c.hasStore(storeVolume(n), at)
			if err != nil {
				return err
			}
			if !mounted {
				missing = append(missing, corev1.VolumeMount{Name: storeVolume(n), MountPath: at, ReadOnly: true})
			}
		}
		p.addMounts(c, missing...)
	}
	return nil
}

// hasStore reports whether the store's volume is mounted at its location.
func (c *container) hasStore(volume, at string) (bool, error) {
	for i := range c.mounts {
		m := &c.mounts[i]
		other := path.Clean(m.MountPath)
		if m.Name == volume && other == at {
			return true, nil
		}
		if within(at, other) || within(other, at) {
			return false, &Denied{fmt.Sprintf("the certificate store %s is at, above or below %s, where container %s has volume %s mounted: "+
				"choose another certificateStoreLocation, or mount the volume elsewhere", at, other, c.Name, m.Name)}
		}
	}
	return false, nil
}

// within reports whether a path is a directory or under it.
func within(p, dir string) bool {
	return p == dir || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}
