package inject

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// checkReserved refuses containers and volumes of this package's names that it did not make.
func (p *pass) checkReserved() error {
	for i := range p.apps {
		if name := p.apps[i].Name; isReservedContainer(name) {
			return &Denied{"container name " + name + " is reserved for the certificate sidecar: rename the container"}
		}
	}
	for i := range p.volumes {
		if v := &p.volumes[i]; isReservedVolume(v.Name) && !isOwnVolume(v) {
			return &Denied{"volume name " + v.Name + " is reserved for the certificate sidecar: rename the volume"}
		}
	}
	return nil
}

func isReservedVolume(name string) bool {
	return name == contract.TokenVolumeName || name == contract.RunVolumeName || name == contract.SettingsVolumeName ||
		strings.HasPrefix(name, contract.StoreVolumePrefix)
}

// isOwnVolume reports whether a volume of a reserved name is what this package makes under it.
func isOwnVolume(v *corev1.Volume) bool {
	switch v.Name {
	case contract.TokenVolumeName:
		return v.Projected != nil
	case contract.SettingsVolumeName:
		return v.ConfigMap != nil
	}
	return v.EmptyDir != nil
}

// withdraw takes out the sidecar of an earlier pass where the pod is to have none any more.
func (p *pass) withdraw() {
	p.strip()
	for _, key := range contract.WrittenKeys() {
		kept := key == contract.KeyWarnings || key == contract.KeyInjected && p.o.Mark
		if _, ok := p.pod.Annotations[contract.Prefix+key]; ok && !kept {
			p.patch.remove(member(annotations, contract.Prefix+key))
		}
	}
}

// holds reports whether the pod has the sidecar, from an earlier pass or a copied manifest: made for the same settings, the
// same identity, the same user and the same Secret or ConfigMap, and complete.
func (p *pass) holds(want *sidecar) bool {
	if p.pod.Annotations[contract.Prefix+contract.KeySettingsHash] != want.hash || len(p.own) != len(want.init)+len(want.main) {
		return false
	}
	for i := range p.own {
		list := want.init
		if p.own[i].list == mainContainers {
			list = want.main
		}
		if !slices.ContainsFunc(list, func(c corev1.Container) bool { return sameContainer(&c, p.own[i].Container) }) {
			return false
		}
	}
	return !p.hasOther(want.volumes)
}

// hasOther reports whether the pod has one of the volumes with another content. One that it lacks is added later.
func (p *pass) hasOther(wanted []corev1.Volume) bool {
	return slices.ContainsFunc(wanted, func(v corev1.Volume) bool {
		have := p.volume(v.Name)
		return have != nil && !sameSource(&v, have)
	})
}

// sameContainer compares what the settings' hash does not tell and other webhooks have no reason to change.
func sameContainer(want, have *corev1.Container) bool {
	return want.Name == have.Name && (want.RestartPolicy == nil) == (have.RestartPolicy == nil) &&
		slices.Equal(want.Args, have.Args) && sameIdentity(want.Env, have.Env) && sameUser(want.SecurityContext, have.SecurityContext)
}

// sameUser reports whether a container runs as the user that it is to run as. Where that is none, the cluster may have
// chosen one, as OpenShift does.
func sameUser(want, have *corev1.SecurityContext) bool {
	return want.RunAsUser == nil || have != nil && have.RunAsUser != nil && *have.RunAsUser == *want.RunAsUser
}

// sameSource reports whether two volumes of one name, which are of one kind by checkReserved, hold the same. What the API
// server adds to a volume is not compared.
func sameSource(want, have *corev1.Volume) bool {
	switch {
	case want.Projected != nil:
		return equality.Semantic.DeepEqual(want.Projected.Sources, have.Projected.Sources)
	case want.ConfigMap != nil:
		return want.ConfigMap.Name == have.ConfigMap.Name
	}
	return true
}

// sameIdentity reports whether two containers of this package have the same identity: a copied pod may have been given another
// service account. Other variables are not compared, since other webhooks may change them.
func sameIdentity(a, b []corev1.EnvVar) bool {
	for _, name := range []string{
		contract.EnvClientID, contract.EnvTenantID, contract.EnvAuthorityHost, envTokenProxy, envSNIName, envCAFile, envCAData,
	} {
		if valueOf(a, name) != valueOf(b, name) {
			return false
		}
	}
	return true
}

func valueOf(env []corev1.EnvVar, name string) string {
	for i := range env {
		if env[i].Name == name {
			return env[i].Value
		}
	}
	return ""
}

// strip takes out what an earlier pass made of the sidecar. From the end of each list to its front, so
// that the indexes before stay true.
func (p *pass) strip() {
	for i := range p.apps {
		p.stripMounts(&p.apps[i])
	}
	for _, c := range slices.Backward(p.own) {
		p.patch.remove(c.path())
		for i := range p.apps {
			if app := &p.apps[i]; app.list == c.list && app.index > c.index {
				app.index--
			}
		}
	}
	p.own = nil
	left := make([]corev1.Volume, 0, len(p.volumes))
	for i := range p.volumes {
		if !isReservedVolume(p.volumes[i].Name) {
			left = append(left, p.volumes[i])
		}
	}
	for i := len(p.volumes) - 1; i >= 0; i-- {
		if isReservedVolume(p.volumes[i].Name) {
			p.patch.remove(element(volumes, i))
		}
	}
	p.volumes = left
}

func (p *pass) stripMounts(c *container) {
	left := make([]corev1.VolumeMount, 0, len(c.mounts))
	for i := len(c.mounts) - 1; i >= 0; i-- {
		if isReservedVolume(c.mounts[i].Name) {
			p.patch.remove(element(c.path()+"/volumeMounts", i))
		} else {
			left = append(left, c.mounts[i])
		}
	}
	slices.Reverse(left)
	c.mounts = left
}
