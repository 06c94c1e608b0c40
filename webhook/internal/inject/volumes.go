package inject

import (
	"path"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

var (
	// storeSize bounds a store. Its pages count against the memory limits of the containers that
	// use them.
	storeSize = resource.MustParse("16Mi")
	// runSize bounds the volume for the socket.
	runSize = resource.MustParse("1Mi")
)

func storeVolume(n int) string { return contract.StoreVolumePrefix + strconv.Itoa(n) }

func memoryVolume(name string, size *resource.Quantity) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
		EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory, SizeLimit: size},
	}}
}

// sidecarVolumes returns the sidecar's volumes. The app's containers mount those of the stores,
// too.
func (in *injection) sidecarVolumes() []corev1.Volume {
	var list []corev1.Volume
	for n := range in.settings.Stores {
		list = append(list, memoryVolume(storeVolume(n), &storeSize))
	}
	sources, no := in.tokenSources(contract.TokenFileName, caKey), false
	if in.settings.KeystoreSecret != "" {
		sources = append(sources, corev1.VolumeProjection{Secret: &corev1.SecretProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: in.settings.KeystoreSecret},
			Items:                []corev1.KeyToPath{{Key: in.settings.KeystoreKey, Path: path.Base(settings.KeystorePasswordFile)}},
			Optional:             &no,
		}})
	}
	list = append(list,
		corev1.Volume{Name: contract.TokenVolumeName, VolumeSource: corev1.VolumeSource{
			Projected: &corev1.ProjectedVolumeSource{Sources: sources},
		}},
		memoryVolume(contract.RunVolumeName, &runSize))
	if in.settings.ConfigMap != "" {
		file := path.Base(contract.SettingsFile)
		list = append(list, corev1.Volume{Name: contract.SettingsVolumeName, VolumeSource: corev1.VolumeSource{
			ConfigMap: &corev1.ConfigMapVolumeSource{
				LocalObjectReference: corev1.LocalObjectReference{Name: in.settings.ConfigMap},
				Items:                []corev1.KeyToPath{{Key: file, Path: file}},
			},
		}})
	}
	return list
}

// sidecarMounts returns the mounts of sidecarVolumes, with the stores writable.
func (in *injection) sidecarMounts() []corev1.VolumeMount {
	var list []corev1.VolumeMount
	for n, at := range in.settings.Stores {
		list = append(list, corev1.VolumeMount{Name: storeVolume(n), MountPath: at})
	}
	list = append(list,
		corev1.VolumeMount{Name: contract.TokenVolumeName, MountPath: contract.TokenMountPath, ReadOnly: true},
		corev1.VolumeMount{Name: contract.RunVolumeName, MountPath: contract.RunMountPath})
	if in.settings.ConfigMap != "" {
		list = append(list, corev1.VolumeMount{Name: contract.SettingsVolumeName, MountPath: contract.SettingsMountPath, ReadOnly: true})
	}
	return list
}
