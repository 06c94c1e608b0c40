package inject

import (
	corev1 "k8s.io/api/core/v1"
)

// mountStores mounts the stores, read-only, into the containers that get the certificates.
func (in *injection) mountStores() error {
	for _, c := range in.apps {
		if !in.serves(c) {
			continue
		}
		var missing []corev1.VolumeMount
		for n, at := range in.settings.Stores {
			store := corev1.VolumeMount{Name: storeVolume(n), MountPath: at, ReadOnly: true}
			if err := in.checkMount(c, &store, storeUse); err != nil {
				return err
			}
			if m := c.mountAt(at); m == nil {
				missing = append(missing, store)
			}
		}
		in.editor.addMounts(c, missing...)
	}
	return nil
}
