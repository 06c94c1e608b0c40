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
	// storeSize bounds a store; its pages count against the memory limits of the containers that touch them.
	storeSize = resource.MustParse("16Mi")
	// runSize bounds the volume of the socket.
	runSize = resource.MustParse("1Mi")
)

func storeVolume(n int) string { return contract.StoreVolumePrefix + strconv.Itoa(n) }

func memory(name string, size *resource.Quantity) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
		EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory, SizeLimit: size},
	}}
}

// sidecarVolumes are the volumes of the sidecar, of which the app's containers mount the stores.
func (p *pass) sidecarVolumes() []corev1.Volume {
	var list []corev1.Volume
	for n := range p.s.Stores {
		list = append(list, memory(storeVolume(n), &storeSize))
	}
	sources := p.tokenSources(contract.TokenFileName, caKey)
	if p.s.KeystoreSecret != "" {
		sources = append(sources, corev1.VolumeProjection{Secret: &corev1.SecretProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: p.s.KeystoreSecret},
			Items:                []corev1.KeyToPath{{Key: p.s.KeystoreKey, Path: path.Base(settings.KeystorePasswordFile)}},
		}})
	}
	list = append(list,
		corev1.Volume{Name: contract.TokenVolumeName, VolumeSource: corev1.VolumeSource{
			Projected: &corev1.ProjectedVolumeSource{Sources: sources},
		}},
		memory(contract.RunVolumeName, &runSize))
	if p.s.ConfigMap != "" {
		file := path.Base(contract.SettingsFile)
		list = append(list, corev1.Volume{Name: contract.SettingsVolumeName, VolumeSource: corev1.VolumeSource{
			ConfigMap: &corev1.ConfigMapVolumeSource{
				LocalObjectReference: corev1.LocalObjectReference{Name: p.s.ConfigMap},
				Items:                []corev1.KeyToPath{{Key: file, Path: file}},
			},
		}})
	}
	return list
}

// sidecarMounts mounts all of sidecarVolumes, the stores for writing.
func (p *pass) sidecarMounts() []corev1.VolumeMount {
	var list []corev1.VolumeMount
	for n, at := range p.s.Stores {
		list = append(list, corev1.VolumeMount{Name: storeVolume(n), MountPath: at})
	}
	list = append(list,
		corev1.VolumeMount{Name: contract.TokenVolumeName, MountPath: contract.TokenMountPath, ReadOnly: true},
		corev1.VolumeMount{Name: contract.RunVolumeName, MountPath: contract.RunMountPath})
	if p.s.ConfigMap != "" {
		list = append(list, corev1.VolumeMount{Name: contract.SettingsVolumeName, MountPath: contract.SettingsMountPath, ReadOnly: true})
	}
	return list
}
