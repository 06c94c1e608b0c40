package inject

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

// binary is the sidecar in its image.
const binary = "/certsync"

// sidecar is what a pod is to have of this package: computed whole, before anything is changed.
type sidecar struct {
	init    []corev1.Container // in their order, one after the other
	main    []corev1.Container
	volumes []corev1.Volume
	hash    string
	// signals is set where it is to signal the app's processes.
	signals bool
}

// sidecar plans the containers and volumes for the settings.
func (p *pass) sidecar() (*sidecar, error) {
	shape, err := p.shape()
	if err != nil {
		return nil, err
	}
	signals := p.s.Config.Reload.Signal != "" && shape != initOnly
	if signals {
		if err := p.checkSignal(); err != nil {
			return nil, err
		}
	}
	port, err := p.port()
	if err != nil {
		return nil, err
	}
	p.checkTenant()
	user, readers := p.access()
	placement := settings.Placement{Readers: readers}
	if port != 0 && port != contract.DefaultPort && port != p.s.Config.Port {
		placement.Port = port
	}
	variable, hash, err := p.s.Encode(placement)
	if err != nil {
		return nil, err
	}
	resources, err := p.resources()
	if err != nil {
		return nil, err
	}
	want := &sidecar{volumes: p.sidecarVolumes(), hash: hash, signals: signals}
	want.init, want.main = p.shaped(shape, p.container(variable, resources, user), port)
	return want, nil
}

// shaped makes the containers of a shape of the common one.
func (p *pass) shaped(s shape, c corev1.Container, port int) (init, main []corev1.Container) {
	switch s {
	case native:
		return []corev1.Container{p.nativeSidecar(c, port)}, nil
	case initOnly:
		return []corev1.Container{once(c)}, nil
	}
	if p.s.Config.RequireInitialSync {
		init = []corev1.Container{once(c)}
	}
	return init, []corev1.Container{p.regularSidecar(c, port)}
}

// shape is the form that the sidecar takes.
type shape int

const (
	native   shape = iota // an init container that keeps running
	regular               // an init container that syncs once, and a container
	initOnly              // the init container alone, so that the pod completes
)

func (p *pass) shape() (shape, error) {
	switch {
	case p.s.Native == settings.NativeTrue && p.o.Native == NativeUnsupported:
		return 0, p.s.NativeSource.Err(`native sidecars need Kubernetes 1.29: give "auto" or "false"`)
	case p.s.Native == settings.NativeTrue, p.s.Native == settings.NativeAuto && p.o.Native == NativeDefault:
		return native, nil
	case p.pod.Spec.RestartPolicy == "" || p.pod.Spec.RestartPolicy == corev1.RestartPolicyAlways:
		return regular, nil
	}
	p.warn("certificates are not renewed in this pod: its restartPolicy is " + string(p.pod.Spec.RestartPolicy) +
		" and it has no native sidecar, so that certificates are fetched once, before its containers start")
	if !p.s.Config.RequireInitialSync {
		p.warn("the pod's containers wait for its certificates, although " + contract.KeyRequireInitial + " is false: " +
			"nothing would fetch them later")
	}
	return initOnly, nil
}

// checkTenant warns where the pod's own identity, with which a vault is asked, is of a tenant that no vault names.
func (p *pass) checkTenant() {
	c := p.s.Config
	if p.id.VaultWarning == "" || p.s.EndpointOnly || c.Credential != contract.CredentialWorkloadIdentity {
		return
	}
	// There are no certificates where they are in a ConfigMap that was not read.
	own := func(c contract.Certificate) bool { return c.TenantID == "" }
	if len(c.Certificates) == 0 || slices.ContainsFunc(c.Certificates, own) {
		p.warn(p.id.VaultWarning)
	}
}

// container returns what all shapes have in common.
func (p *pass) container(variable string, resources corev1.ResourceRequirements, user *int64) corev1.Container {
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
		Image:           p.o.Image,
		ImagePullPolicy: p.o.ImagePullPolicy,
		Env:             p.sidecarVariables(variable),
		Resources:       resources,
		VolumeMounts:    p.sidecarMounts(),
		SecurityContext: sc,
	}
}

// sidecarVariables are the sidecar's own: it depends on nothing that the app's containers are given.
func (p *pass) sidecarVariables(variable string) []corev1.EnvVar {
	all := append([]corev1.EnvVar{
		{Name: contract.EnvSettings, Value: contract.EscapeVariable(variable)},
		{Name: contract.EnvExtraCA, Value: contract.EscapeVariable(p.o.ExtraCA)},
		{Name: contract.EnvAllowedVaults, Value: contract.EscapeVariable(strings.Join(p.o.AllowedVaults, ","))},
	}, p.variables(contract.TokenFile)...)
	given := make([]corev1.EnvVar, 0, len(all)+len(p.o.Env))
	for _, v := range all {
		if v.Value != "" {
			given = append(given, v)
		}
	}
	for _, v := range p.o.Env {
		v.Value = contract.EscapeVariable(v.Value)
		given = append(given, v)
	}
	return given
}

// once turns the common container into an init container that syncs and ends.
func once(c corev1.Container) corev1.Container {
	c.Name = contract.InitContainerName
	c.Args = []string{"--once"}
	return c
}

func (p *pass) nativeSidecar(c corev1.Container, port int) corev1.Container {
	always := corev1.ContainerRestartPolicyAlways
	c.RestartPolicy = &always
	c.StartupProbe = startupProbe()
	return p.regularSidecar(c, port)
}

func (p *pass) regularSidecar(c corev1.Container, port int) corev1.Container {
	if port == 0 {
		c.Args = []string{"--http=false"}
		c.ReadinessProbe, c.LivenessProbe = execProbe(binary, "probe"), execProbe(binary, "probe", "--live")
		return c
	}
	c.Ports = []corev1.ContainerPort{{Name: contract.PortName, ContainerPort: int32(port), Protocol: corev1.ProtocolTCP}}
	c.ReadinessProbe, c.LivenessProbe = httpProbe(contract.PathReady), httpProbe(contract.PathLive)
	return c
}
