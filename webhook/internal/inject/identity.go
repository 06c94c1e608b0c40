package inject

import (
	"fmt"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

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
		if in.options.LegacyPath && c.mountAt(contract.LegacyIdentityMountPath) == nil {
			in.editor.addMounts(c, corev1.VolumeMount{
				Name:      in.ensureTokenVolume(legacyVolume, contract.TokenFileName),
				MountPath: contract.LegacyIdentityMountPath, ReadOnly: true,
			})
		}
		in.updateTokenVariables(c, file)
		in.updateEndpointVariables(c)
		in.addMissingVariables(c, append(in.identityVariables(file), in.endpointVariables(c)...))
	}
	return nil
}

// ensureToken returns the path of a container's token file. It keeps a token that Azure Workload
// Identity already mounted, in any version and by any webhook; otherwise it mounts one.
func (in *injection) ensureToken(c *container) (string, error) {
	legacy := ""
	for i := range c.VolumeMounts {
		m := &c.VolumeMounts[i]
		at := path.Clean(m.MountPath)
		if at != contract.IdentityMountPath && at != contract.LegacyIdentityMountPath && !strings.HasPrefix(at, contract.IdentityMountPath+"/") {
			continue
		}
		file := tokenFile(in.editor.volume(m.Name))
		switch {
		case file != "" && at == contract.LegacyIdentityMountPath:
			legacy = path.Join(at, file)
		case file != "":
			return path.Join(at, file), nil
		case at == contract.IdentityMountPath:
			return "", &Denied{fmt.Sprintf("container %s mounts volume %s at %s, which is the path of the identity token: "+
				"mount it elsewhere, or list the container in annotation %s", c.Name, m.Name, at, contract.AnnotationSkipContainers)}
		}
	}
	if legacy != "" && !in.options.LegacyPath {
		return legacy, nil
	}
	in.editor.addMounts(c, corev1.VolumeMount{
		Name:      in.ensureTokenVolume(identityVolumeName(in.pod), tokenPath),
		MountPath: contract.IdentityMountPath, ReadOnly: true,
	})
	return contract.IdentityTokenFile, nil
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

// addMissingVariables adds the variables that have a value and that the container does not set.
func (in *injection) addMissingVariables(c *container, variables []corev1.EnvVar) {
	added := slices.DeleteFunc(variables, func(v corev1.EnvVar) bool {
		return v.Value == "" && v.ValueFrom == nil || c.sets(v.Name)
	})
	if len(added) > 0 && len(c.EnvFrom) > 0 {
		in.warn(fmt.Sprintf("container %s uses envFrom, which the webhook cannot read: "+
			"the injected %s take precedence; set them in env to override", c.Name, names(added)))
	}
	in.editor.addVariables(c, added...)
}

func names(env []corev1.EnvVar) string {
	list := make([]string, len(env))
	for i := range env {
		list[i] = env[i].Name
	}
	return strings.Join(list, ", ")
}
