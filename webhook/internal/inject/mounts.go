package inject

import (
	"fmt"
	"path"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// mountUse is what an added mount is for, and what the pod's owner can do where it collides.
type mountUse struct{ what, remedy string }

var (
	tokenUse = mountUse{
		"the identity token",
		"mount the volume elsewhere, or list the container in annotation " + contract.AnnotationSkipContainers,
	}
	storeUse = mountUse{
		"the certificate store",
		"choose another certificateStoreLocation, or mount the volume elsewhere",
	}
)

// checkMount checks a mount that this package adds to an app's container, or added before, against
// the container's other mounts. All added mounts are read-only. The container runtime mounts in
// the order of depth, and creates each mount point in what is mounted above it. In the volumes that
// the kubelet writes (Secrets, ConfigMaps, projected volumes, the downward API), the kubelet has
// created the mount points before. It compares the paths of the mounts, so it does not know of
// links in the image.
//
//	another mount          result
//	---------------------  ---------------------------------------------------------
//	at the path            denied: the API server refuses the pod
//	above, by the kubelet  allowed
//	above, writable        allowed
//	above, read-only       warned of: it depends on the content of the volume
//	below the token        allowed: the kubelet writes the token's volume
//	below a store          denied: the mount point of the other cannot be created
//
// Of several mounts above, the nearest counts. If it depends on links of the image whether one is
// at, above or below the other, a warning names both. Mounts of Windows containers are not checked.
//
// Sources: MakeNestedMountpoints in Kubernetes, pkg/volume/util/nested_volumes.go; orderedMounts in
// containerd, internal/cri/opts, and in CRI-O, server/container_create.go
func (in *injection) checkMount(c *container, added *corev1.VolumeMount, use mountUse) error {
	if in.windows {
		return nil
	}
	at := path.Clean(added.MountPath)
	atLinked := followLinks(at)
	var above, aboveLinked nearest
	for i := range c.VolumeMounts {
		m := &c.VolumeMounts[i]
		other := path.Clean(m.MountPath)
		linked := followLinks(other)
		switch {
		case other == at && m.Name == added.Name, other != at && in.isStore(m.Name, other):
			// Itself, or a store, which is checked against the others.
		case other == at:
			return &Denied{fmt.Sprintf("container %s mounts volume %s at %s, which is the path of %s: %s", c.Name, m.Name, other, use.what, use.remedy)}
		case contract.Within(other, at) && use == storeUse:
			return &Denied{fmt.Sprintf("container %s mounts volume %s at %s, in %s at %s, which is read-only, so the mount point cannot be created: %s",
				c.Name, m.Name, other, use.what, at, use.remedy)}
		case contract.Within(other, at):
			// The kubelet creates the mount point in the token's volume.
		case contract.Within(at, other):
			above.offer(m, other)
			aboveLinked.offer(m, linked)
		case contract.Within(linked, atLinked):
			in.warnOnce(linkWarning(c, m, at, use, "one of the two hides the other or cannot be mounted"))
		case contract.Within(atLinked, linked):
			aboveLinked.offer(m, linked)
		}
	}
	if reason := in.readOnly(above.mount, in.kubeletWrites(above.mount)); reason != "" {
		in.warnOnce(fmt.Sprintf("container %s mounts volume %s (%s) at %s, and %s is mounted at %s: if the volume does not contain that directory, "+
			`the container cannot be created ("read-only file system"): %s`, c.Name, above.mount.Name, reason, above.path, use.what, at, use.remedy))
		return nil
	}
	if m := aboveLinked.mount; m != above.mount && in.readOnly(m, false) != "" {
		in.warnOnce(linkWarning(c, m, at, use, `the container cannot be created ("read-only file system")`))
	}
	return nil
}

// nearest is the mount with the longest path of those that were offered.
type nearest struct {
	mount *corev1.VolumeMount
	path  string
}

func (n *nearest) offer(m *corev1.VolumeMount, at string) {
	if n.mount == nil || len(at) > len(n.path) {
		n.mount, n.path = m, at
	}
}

// isStore reports whether a mount is that of a store.
func (in *injection) isStore(volume, at string) bool {
	for n, location := range in.settings.Stores {
		if at == location && volume == storeVolume(n) {
			return true
		}
	}
	return false
}

// readOnly returns why no mount point can be created in a mount, or "" if one can. Nil means no
// mount. prepared is set if the kubelet has already created the mount point.
func (in *injection) readOnly(m *corev1.VolumeMount, prepared bool) string {
	if m == nil || prepared {
		return ""
	}
	if v := in.editor.volume(m.Name); v != nil {
		// The kubelet mounts these read-only, whatever the mount says.
		switch {
		case v.Secret != nil:
			return "a Secret, always read-only"
		case v.ConfigMap != nil:
			return "a ConfigMap, always read-only"
		case v.Projected != nil:
			return "projected, always read-only"
		case v.DownwardAPI != nil:
			return "the downward API, always read-only"
		case v.Image != nil:
			return "an image, always read-only"
		case isReadOnlySource(&v.VolumeSource):
			return "read-only"
		}
	}
	if m.ReadOnly {
		return "read-only"
	}
	return ""
}

// kubeletWrites reports whether the kubelet writes the volume of a mount, and creates mount points
// in it: it does so in the volume's top directory only.
func (in *injection) kubeletWrites(m *corev1.VolumeMount) bool {
	if m == nil || m.SubPath != "" || m.SubPathExpr != "" {
		return false
	}
	v := in.editor.volume(m.Name)
	return v != nil && (v.Secret != nil || v.ConfigMap != nil || v.Projected != nil || v.DownwardAPI != nil)
}

// isReadOnlySource reports whether a volume forces its mounts to be read-only. Kinds of volumes
// that Kubernetes no longer supports are left out.
func isReadOnlySource(v *corev1.VolumeSource) bool {
	switch {
	case v.PersistentVolumeClaim != nil:
		return v.PersistentVolumeClaim.ReadOnly
	case v.CSI != nil:
		return v.CSI.ReadOnly != nil && *v.CSI.ReadOnly
	case v.AzureFile != nil:
		return v.AzureFile.ReadOnly
	case v.AzureDisk != nil:
		return v.AzureDisk.ReadOnly != nil && *v.AzureDisk.ReadOnly
	case v.NFS != nil:
		return v.NFS.ReadOnly
	case v.ISCSI != nil:
		return v.ISCSI.ReadOnly
	case v.FC != nil:
		return v.FC.ReadOnly
	case v.FlexVolume != nil:
		return v.FlexVolume.ReadOnly
	}
	return false
}
