package inject

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// Containers that the original webhook adds for inject-proxy-sidecar.
const (
	originalProxy     = "azwi-proxy"
	originalProxyInit = "azwi-proxy-init"
)

// isInjected reports whether an earlier injection added the container: it has a reserved name and
// something that only an injected container has.
func isInjected(c *corev1.Container) bool {
	if c.Name == contract.IMDSContainerName {
		return slices.Equal(c.Args, addressArgs)
	}
	return isReservedContainer(c.Name) &&
		slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == contract.EnvSettings })
}

func isReservedContainer(name string) bool {
	return name == contract.ContainerName || name == contract.InitContainerName || name == contract.IMDSContainerName
}

// isInjectedVolume reports whether a volume with a reserved name has the kind of the injected one.
func isInjectedVolume(v *corev1.Volume) bool {
	switch v.Name {
	case contract.TokenVolumeName:
		return v.Projected != nil
	case contract.SettingsVolumeName:
		return v.ConfigMap != nil
	}
	return v.EmptyDir != nil
}

func isReservedVolume(name string) bool {
	return name == contract.TokenVolumeName || name == contract.RunVolumeName || name == contract.SettingsVolumeName ||
		strings.HasPrefix(name, contract.StoreVolumePrefix)
}

// checkReserved denies containers and volumes that have a reserved name but are not injected.
func (in *injection) checkReserved() error {
	for _, c := range in.apps {
		if isReservedContainer(c.Name) {
			return &Denied{"container name " + c.Name + " is reserved for the certificate sidecar: rename the container"}
		}
	}
	for i := range in.editor.volumes {
		if v := &in.editor.volumes[i]; isReservedVolume(v.Name) && !isInjectedVolume(v) {
			return &Denied{"volume name " + v.Name + " is reserved for the certificate sidecar: rename the volume"}
		}
	}
	return nil
}

// hasSidecar reports whether the pod already has the whole sidecar, from an earlier injection or a
// copied manifest, for the same settings, identity and user and the same Secret and ConfigMap.
func (in *injection) hasSidecar(want *sidecar) bool {
	if in.pod.Annotations[contract.Prefix+contract.KeySettingsHash] != want.hash ||
		len(in.injected) != len(want.init)+len(want.main) {
		return false
	}
	for _, have := range in.injected {
		list := want.init
		if have.list == mainContainers {
			list = want.main
		}
		if !slices.ContainsFunc(list, func(c corev1.Container) bool { return sameContainer(&c, have.Container) }) {
			return false
		}
	}
	return !in.hasOtherVolume(want.volumes)
}

// hasOtherVolume reports whether the pod has one of the volumes with other content. A missing
// volume does not count, since it is added later.
func (in *injection) hasOtherVolume(wanted []corev1.Volume) bool {
	return slices.ContainsFunc(wanted, func(v corev1.Volume) bool {
		have := in.editor.volume(v.Name)
		return have != nil && !sameSource(&v, have)
	})
}

// sameContainer compares what the settings hash does not cover and other webhooks do not change.
func sameContainer(want, have *corev1.Container) bool {
	return want.Name == have.Name && (want.RestartPolicy == nil) == (have.RestartPolicy == nil) &&
		slices.Equal(want.Args, have.Args) && sameIdentity(want.Env, have.Env) && sameUser(want.SecurityContext, have.SecurityContext)
}

// sameUser reports whether a container runs as the wanted user. Where no user is wanted, any user
// matches: the cluster may have assigned one, as OpenShift does.
func sameUser(want, have *corev1.SecurityContext) bool {
	return want.RunAsUser == nil || have != nil && have.RunAsUser != nil && *have.RunAsUser == *want.RunAsUser
}

// sameSource reports whether two volumes of one name have the same content. They are of the same
// kind, by checkReserved. Fields that the API server sets on a volume are not compared.
func sameSource(want, have *corev1.Volume) bool {
	switch {
	case want.Projected != nil:
		return equality.Semantic.DeepEqual(want.Projected.Sources, have.Projected.Sources)
	case want.ConfigMap != nil:
		return want.ConfigMap.Name == have.ConfigMap.Name
	}
	return true
}

// sameIdentity reports whether two injected containers have the same identity, since a copied pod
// may use another service account. Other variables are not compared: other webhooks may change
// them.
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
