package inject

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// binary is the path of the sidecar in its image.
const binary = "/certsync"

// containers returns the sidecar's containers in a shape, derived from the base container.
func (in *injection) containers(s shape, base corev1.Container, port int) (init, main []corev1.Container) {
	switch s {
	case native:
		return []corev1.Container{nativeSidecar(base, port)}, nil
	case initOnly:
		return []corev1.Container{initContainer(base)}, nil
	}
	if in.settings.Config.RequireInitialSync {
		init = []corev1.Container{initContainer(base)}
	}
	return init, []corev1.Container{regularSidecar(base, port)}
}

// running returns the container that keeps running, or nil.
func (s *sidecar) running() *corev1.Container {
	for _, list := range [][]corev1.Container{s.main, s.init} {
		for i := range list {
			if list[i].Name == contract.ContainerName {
				return &list[i]
			}
		}
	}
	return nil
}

// baseContainer returns what all shapes have in common.
func (in *injection) baseContainer(variable string, resources corev1.ResourceRequirements, user *int64) corev1.Container {
	yes, no := true, false
	sc := &corev1.SecurityContext{
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		RunAsUser:                user,
		RunAsNonRoot:             &yes,
		ReadOnlyRootFilesystem:   &yes,
		AllowPrivilegeEscalation: &no,
		SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	if user != nil && *user == contract.DefaultUserID {
		sc.RunAsGroup = user
	}
	return corev1.Container{
		Name:            contract.ContainerName,
		Image:           in.options.Image,
		ImagePullPolicy: in.options.ImagePullPolicy,
		Env:             in.sidecarVariables(variable),
		Resources:       resources,
		VolumeMounts:    in.sidecarMounts(),
		SecurityContext: sc,
	}
}

// sidecarVariables returns the sidecar's variables. The sidecar does not use the variables of the
// app's containers.
func (in *injection) sidecarVariables(variable string) []corev1.EnvVar {
	all := append([]corev1.EnvVar{
		{Name: contract.EnvSettings, Value: contract.EscapeVariable(variable)},
		{Name: contract.EnvExtraCA, Value: contract.EscapeVariable(in.options.ExtraCA)},
		{Name: contract.EnvAllowedVaults, Value: contract.EscapeVariable(strings.Join(in.options.AllowedVaults, ","))},
	}, in.identityVariables(contract.TokenFile)...)
	given := make([]corev1.EnvVar, 0, len(all)+len(in.options.Env))
	for _, v := range all {
		if v.Value != "" {
			given = append(given, v)
		}
	}
	for _, v := range in.options.Env {
		v.Value = contract.EscapeVariable(v.Value)
		given = append(given, v)
	}
	return given
}

// initContainer turns the base container into an init container that syncs once and exits.
func initContainer(c corev1.Container) corev1.Container {
	c.Name = contract.InitContainerName
	c.Args = []string{"--once"}
	return c
}

func nativeSidecar(c corev1.Container, port int) corev1.Container {
	always := corev1.ContainerRestartPolicyAlways
	c.RestartPolicy = &always
	c.StartupProbe = startupProbe()
	return regularSidecar(c, port)
}

func regularSidecar(c corev1.Container, port int) corev1.Container {
	if port == 0 {
		c.Args = []string{"--http=false"}
		c.ReadinessProbe, c.LivenessProbe = execProbe(binary, "probe"), execProbe(binary, "probe", "--live")
		return c
	}
	c.Ports = []corev1.ContainerPort{{Name: contract.PortName, ContainerPort: int32(port), Protocol: corev1.ProtocolTCP}}
	c.ReadinessProbe, c.LivenessProbe = httpProbe(contract.PathReady), httpProbe(contract.PathLive)
	return c
}
