package inject

import (
	"fmt"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// addIdentity gives the app's containers a token and the variables that the Azure SDKs read.
func (in *injection) addIdentity() error {
	for _, c := range in.apps {
		if in.identity.Skips(c.Name) {
			continue
		}
		file, err := in.ensureToken(c)
		if err != nil {
			return err
		}
		if in.options.LegacyPath {
			if err := in.ensureLegacyToken(c); err != nil {
				return err
			}
		}
		in.updateTokenVariables(c, file)
		in.updateEndpointVariables(c)
		in.putVariablesFirst(c, append(in.identityVariables(file), in.endpointVariables(c)...))
	}
	return nil
}

// ensureToken returns the path of a container's token file. It keeps a token that Azure Workload
// Identity already mounted, in any version and by any webhook; otherwise it mounts one.
func (in *injection) ensureToken(c *container) (string, error) {
	if m, file := in.mountedToken(c); m != nil {
		in.compareToken(m, file)
		return file, in.checkTokenMount(c, m)
	}
	return contract.IdentityTokenFile, in.mountToken(c, contract.IdentityMountPath, identityVolumeName(in.pod), tokenPath)
}

// mountToken mounts a volume, if possible the one with the given name, that has the token at a path
// in it.
func (in *injection) mountToken(c *container, at, volume, token string) error {
	added := corev1.VolumeMount{MountPath: at, ReadOnly: true}
	if err := in.checkMount(c, &added, tokenUse); err != nil {
		return err
	}
	added.Name = in.ensureTokenVolume(volume, token)
	in.compareToken(&added, path.Join(at, token))
	in.editor.addMounts(c, added)
	return nil
}

// mountedToken returns the mount and the path of the token that a container already has where Azure
// Workload Identity mounts it, or nil. A token at the legacy path counts unless tokens are mounted
// at both paths.
func (in *injection) mountedToken(c *container) (mount *corev1.VolumeMount, file string) {
	for i := range c.VolumeMounts {
		m := &c.VolumeMounts[i]
		at := path.Clean(m.MountPath)
		legacy := at == contract.LegacyIdentityMountPath
		if !legacy && !contract.Within(at, contract.IdentityMountPath) {
			continue
		}
		switch token := tokenFile(in.editor.volume(m.Name)); {
		case token == "" || legacy && in.options.LegacyPath:
		case legacy:
			mount, file = m, path.Join(at, token)
		default:
			return m, path.Join(at, token)
		}
	}
	return mount, file
}

// ensureLegacyToken also mounts the token at its legacy path, unless another volume is there.
func (in *injection) ensureLegacyToken(c *container) error {
	if m := c.mountAt(contract.LegacyIdentityMountPath); m != nil {
		return in.checkTokenMount(c, m)
	}
	return in.mountToken(c, contract.LegacyIdentityMountPath, legacyVolume, contract.TokenFileName)
}

// checkTokenMount checks a mount that is already there, unless it is one of the pod's own.
func (in *injection) checkTokenMount(c *container, m *corev1.VolumeMount) error {
	if !isTokenVolume(m.Name) {
		return nil
	}
	return in.checkMount(c, m, tokenUse)
}

// updateTokenVariables corrects variables of an earlier injection whose token was moved since:
// versions of the original webhook after v1.6.0 use the same volume name, but mount the volume
// elsewhere.
func (in *injection) updateTokenVariables(c *container, file string) {
	if file == contract.IdentityTokenFile {
		return
	}
	now := in.identityVariables(file)
	for i, before := range in.identityVariables(contract.IdentityTokenFile) {
		in.replaceValue(c, before, now[i].Value)
	}
}

// replaceValue sets a variable to another value where the container has it with the value before.
func (in *injection) replaceValue(c *container, before corev1.EnvVar, now string) {
	if before.Value == now {
		return
	}
	for i := range c.Env {
		if e := &c.Env[i]; e.Name == before.Name && e.Value == before.Value && e.ValueFrom == nil {
			in.editor.setValue(c, i, now)
		}
	}
}

// putVariablesFirst adds the variables that have a value and that the container does not set. They
// come before the container's own ones: Kubernetes resolves $(NAME) in a value only if NAME comes
// earlier. One that the container already has with the same value, behind a reference to it, is
// moved.
func (in *injection) putVariablesFirst(c *container, variables []corev1.EnvVar) {
	added := variables[:0]
	for _, v := range variables {
		at := slices.IndexFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == v.Name })
		switch {
		case v.Value == "" && v.ValueFrom == nil:
		case at < 0:
			added = append(added, v)
		case sameVariable(&v, &c.Env[at]) && isReferenced(v.Name, c.Env[:at]):
			in.editor.moveVariableFirst(c, at)
		}
	}
	if len(added) > 0 && len(c.EnvFrom) > 0 {
		in.warn(fmt.Sprintf("container %s uses envFrom, which the webhook cannot read: "+
			"the injected %s take precedence; set them in env to override", c.Name, names(added)))
	}
	in.editor.addVariablesFirst(c, added...)
}

func sameVariable(a, b *corev1.EnvVar) bool {
	return a.Value == b.Value && equality.Semantic.DeepEqual(a.ValueFrom, b.ValueFrom)
}

// isReferenced reports whether a value refers to the variable of a name.
func isReferenced(name string, env []corev1.EnvVar) bool {
	reference := "$(" + name + ")"
	return slices.ContainsFunc(env, func(e corev1.EnvVar) bool { return strings.Contains(e.Value, reference) })
}

func names(env []corev1.EnvVar) string {
	list := make([]string, len(env))
	for i := range env {
		list[i] = env[i].Name
	}
	return strings.Join(list, ", ")
}
