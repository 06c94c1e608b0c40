package inject

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// removeOutdated removes the sidecar of an earlier injection, which differs from the wanted one;
// nil means that the pod needs no sidecar.
func (in *injection) removeOutdated(want *sidecar) {
	switch {
	case want != nil:
		// The containers may be missing, where somebody copied the pod without them.
		if len(in.injected) > 0 || in.hasOtherVolume(want.volumes) {
			in.removeSidecar()
		}
	case len(in.injected) > 0 && in.pod.Annotations[contract.Prefix+contract.KeySettingsHash] != "":
		// KeyInjected does not prove a sidecar: it may be the mark alone.
		in.removeSidecar()
		in.removeBackupExclusion()
		in.removeAnnotations()
	}
}

// removeSidecar removes the mounts, the containers and the volumes of an earlier injection.
func (in *injection) removeSidecar() {
	for _, c := range in.apps {
		in.editor.removeMounts(c, func(m *corev1.VolumeMount) bool { return isReservedVolume(m.Name) })
	}
	in.editor.removeContainers(func(c *container) bool { return isInjected(c.Container) })
	in.injected = nil
	in.editor.removeVolumes(func(v *corev1.Volume) bool { return isReservedVolume(v.Name) })
}

// removeAnnotations removes the annotations of an earlier injection, except those that are still
// true.
func (in *injection) removeAnnotations() {
	for _, key := range contract.WrittenKeys() {
		if key != contract.KeyWarnings && (key != contract.KeyInjected || !in.options.Mark) {
			in.editor.removeAnnotation(contract.Prefix + key)
		}
	}
}
