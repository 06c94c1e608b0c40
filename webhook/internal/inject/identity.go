package inject

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// tokenPath is the token's path in its volume, as Azure Workload Identity v1.6.0 has it.
const tokenPath = "token/" + contract.TokenFileName

// legacyVolume is the volume that Azure Workload Identity before v1.6.0 mounted at its legacy path.
const legacyVolume = "azure-identity-token"

// identity gives the app's containers a token and the variables that the Azure SDKs read.
func (p *pass) identity() error {
	for i := range p.apps {
		c := &p.apps[i]
		if p.id.Skips(c.Name) {
			continue
		}
		file, err := p.token(c)
		if err != nil {
			return err
		}
		if p.o.LegacyPath && c.mountAt(contract.LegacyIdentityMountPath) == nil {
			p.addMounts(c, corev1.VolumeMount{
				Name: p.tokenVolume(legacyVolume, contract.TokenFileName), MountPath: contract.LegacyIdentityMountPath, ReadOnly: true,
			})
		}
		p.followToken(c, file)
		p.followEndpoint(c)
		p.addVariables(c, append(p.variables(file), p.endpointVariables(c)...))
	}
	return nil
}

// followToken corrects variables of an earlier pass where the token is elsewhere by now: versions of the original webhook
// after v1.6.0 move the mount of a volume of the name that both give it.
func (p *pass) followToken(c *container, file string) {
	if file == contract.IdentityTokenFile {
		return
	}
	now := p.variables(file)
	for i, before := range p.variables(contract.IdentityTokenFile) {
		p.correct(c, before, now[i].Value)
	}
}

// correct gives a variable another value where the container has it with the one of before.
func (p *pass) correct(c *container, before corev1.EnvVar, now string) {
	if before.Value == now {
		return
	}
	for i := range c.Env {
		if e := &c.Env[i]; e.Name == before.Name && e.Value == before.Value && e.ValueFrom == nil {
			p.patch.add(element(c.path()+"/env", i)+"/value", now)
		}
	}
}

// token returns the path of the token's file in a container. A token that is mounted at a place where Azure
// Workload Identity has it, by whichever version or webhook, is kept; else one is mounted.
func (p *pass) token(c *container) (string, error) {
	legacy := ""
	for i := range c.mounts {
		m := &c.mounts[i]
		at := path.Clean(m.MountPath)
		if at != contract.IdentityMountPath && at != contract.LegacyIdentityMountPath && !strings.HasPrefix(at, contract.IdentityMountPath+"/") {
			continue
		}
		file := tokenFile(p.volume(m.Name))
		switch {
		case file != "" && at == contract.LegacyIdentityMountPath:
			legacy = path.Join(at, file)
		case file != "":
			return path.Join(at, file), nil
		case at == contract.IdentityMountPath:
			return "", &Denied{fmt.Sprintf("container %s has volume %s mounted at %s, which is the place of its identity token: "+
				"mount it elsewhere, or name the container in annotation %s", c.Name, m.Name, at, contract.AnnotationSkipContainers)}
		}
	}
	if legacy != "" && !p.o.LegacyPath {
		return legacy, nil
	}
	p.addMounts(c, corev1.VolumeMount{
		Name: p.tokenVolume(identityVolumeName(p.pod), tokenPath), MountPath: contract.IdentityMountPath, ReadOnly: true,
	})
	return contract.IdentityTokenFile, nil
}

// tokenFile returns the path of the identity token in a volume, or "" if it holds none.
func tokenFile(v *corev1.Volume) string {
	if v == nil || v.Projected == nil {
		return ""
	}
	for _, s := range v.Projected.Sources {
		if s.ServiceAccountToken != nil && path.Base(s.ServiceAccountToken.Path) == contract.TokenFileName {
			return s.ServiceAccountToken.Path
		}
	}
	return ""
}

// tokenVolume returns the name of an app's volume with the token at a path, which it adds if there is none.
func (p *pass) tokenVolume(name, at string) string {
	for i := range p.volumes {
		v := &p.volumes[i]
		if (strings.HasPrefix(v.Name, contract.IdentityVolumePrefix) || v.Name == name) && tokenFile(v) == at {
			return v.Name
		}
	}
	for n := 0; p.volume(name) != nil; n++ {
		name = fmt.Sprintf("%stoken-%d", contract.IdentityVolumePrefix, n) // the name is somebody else's
	}
	p.addVolumes(corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
		Projected: &corev1.ProjectedVolumeSource{Sources: p.tokenSources(at, caPath)},
	}})
	return name
}

// identityVolumeName returns the name that Azure Workload Identity v1.6.0 gives the volume, so that it
// recognises ours where both webhooks inject identity.
func identityVolumeName(pod *corev1.Pod) string {
	name := pod.Name
	if name == "" {
		name = pod.GenerateName + " (prefix)"
	}
	const maxName = 63
	sum := sha256.Sum256([]byte(name))
	return contract.IdentityVolumePrefix + hex.EncodeToString(sum[:])[:maxName-len(contract.IdentityVolumePrefix)]
}

// addVariables adds those that have a value and that the container does not set.
func (p *pass) addVariables(c *container, variables []corev1.EnvVar) {
	var added []corev1.EnvVar
	for _, v := range variables {
		if (v.Value != "" || v.ValueFrom != nil) && !sets(c.Env, v.Name) {
			added = append(added, v)
		}
	}
	if len(added) > 0 && len(c.EnvFrom) > 0 {
		p.warn(fmt.Sprintf("container %s has envFrom, which admission cannot look into: %s of the service account's identity win over it; "+
			"set them in env to choose others", c.Name, names(added)))
	}
	appendTo(&p.patch, c.path()+"/env", len(c.Env), added...)
}

func sets(env []corev1.EnvVar, name string) bool {
	for i := range env {
		if env[i].Name == name {
			return true
		}
	}
	return false
}

func names(env []corev1.EnvVar) string {
	list := make([]string, len(env))
	for i := range env {
		list[i] = env[i].Name
	}
	return strings.Join(list, ", ")
}
