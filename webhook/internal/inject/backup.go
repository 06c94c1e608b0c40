package inject

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Annotations of a pod by which Velero's file system backup includes or excludes volumes: names,
// separated by commas, without spaces. A backup reads one of the two annotations. Without being
// named, projected volumes are never in a backup.
//
// Source: GetVolumesByPod in github.com/vmware-tanzu/velero/pkg/util/podvolume
const (
	backupIncluded = "backup.velero.io/backup-volumes"
	backupExcluded = "backup.velero.io/backup-volumes-excludes"
)

// backupExclusion returns the annotation that keeps the sidecar's volumes in memory out of backups:
// the stores, which hold private keys, and the sidecar's state. It keeps the names of other
// volumes.
func (in *injection) backupExclusion(added []corev1.Volume) annotation {
	var wanted []string
	for i := range added {
		if added[i].EmptyDir != nil {
			wanted = append(wanted, added[i].Name)
		}
	}
	excluded := in.excludedFromBackup(wanted)
	for _, name := range wanted {
		if !slices.Contains(excluded, name) {
			excluded = append(excluded, name)
		}
	}
	return annotation{backupExcluded, strings.Join(excluded, ",")}
}

// removeBackupExclusion removes the sidecar's volumes from the annotation.
func (in *injection) removeBackupExclusion() {
	if others := in.excludedFromBackup(nil); len(others) > 0 {
		in.editor.setAnnotations(annotation{backupExcluded, strings.Join(others, ",")})
	} else {
		in.editor.removeAnnotation(backupExcluded)
	}
}

// excludedFromBackup returns the names in the annotation, without those of volumes of an earlier
// injection, except the kept ones.
func (in *injection) excludedFromBackup(kept []string) (names []string) {
	for name := range strings.SplitSeq(in.editor.annotations[backupExcluded], ",") {
		if name != "" && (!isReservedVolume(name) || slices.Contains(kept, name)) {
			names = append(names, name)
		}
	}
	return names
}

// checkBackup warns about a backup that includes the sidecar's volumes by name.
func (in *injection) checkBackup() {
	for name := range strings.SplitSeq(in.pod.Annotations[backupIncluded], ",") {
		if isReservedVolume(name) {
			in.warnOnce("annotation " + backupIncluded + " on the pod names volume " + name +
				" of the certificate sidecar: backups would contain private keys or tokens, so remove it from the list")
		}
	}
}
