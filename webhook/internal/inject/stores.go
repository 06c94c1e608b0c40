package inject

import (
	"fmt"
	"path"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// mountStores mounts the stores, read-only, into the containers that get the certificates. It
// denies a store at, above or below another mount of the container, since one of the two would hide
// the other.
func (in *injection) mountStores() error {
	for _, c := range in.apps {
		if !in.serves(c) {
			continue
		}
		var missing []corev1.VolumeMount
		for n, at := range in.settings.Stores {
			mounted, err := c.hasStore(storeVolume(n), at)
			if err != nil {
				return err
			}
			if !mounted {
				missing = append(missing, corev1.VolumeMount{Name: storeVolume(n), MountPath: at, ReadOnly: true})
			}
		}
		in.editor.addMounts(c, missing...)
	}
	return nil
}

// hasStore reports whether the container has the store's volume mounted at its location.
func (c *container) hasStore(volume, at string) (bool, error) {
	for i := range c.VolumeMounts {
		m := &c.VolumeMounts[i]
		other := path.Clean(m.MountPath)
		if m.Name == volume && other == at {
			return true, nil
		}
		if contract.Within(at, other) || contract.Within(other, at) {
			return false, &Denied{fmt.Sprintf("the certificate store %s is at, above or below %s, where container %s mounts volume %s: "+
				"choose another certificateStoreLocation, or mount the volume elsewhere", at, other, c.Name, m.Name)}
		}
	}
	return false, nil
}
