package inject

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

// sidecar is the sidecar that a pod needs. It is planned completely before anything is changed.
type sidecar struct {
	init    []corev1.Container // in order, and next to each other
	main    []corev1.Container
	volumes []corev1.Volume
	hash    string
	// signals is set where the sidecar signals the app's processes.
	signals bool
}

// planSidecar plans the containers and volumes for the settings.
func (in *injection) planSidecar() (*sidecar, error) {
	shape, err := in.chooseShape()
	if err != nil {
		return nil, err
	}
	signals := in.settings.Config.Reload.Signal != "" && shape != initOnly
	if signals {
		if err := in.checkSignal(); err != nil {
			return nil, err
		}
	}
	port, err := in.choosePort()
	if err != nil {
		return nil, err
	}
	in.checkTenant()
	user, readers := in.access()
	placement := settings.Placement{Readers: readers}
	if port != 0 && port != contract.DefaultPort && port != in.settings.Config.Port {
		placement.Port = port
	}
	variable, hash, err := in.settings.Encode(placement)
	if err != nil {
		return nil, err
	}
	resources, err := in.planResources()
	if err != nil {
		return nil, err
	}
	want := &sidecar{volumes: in.sidecarVolumes(), hash: hash, signals: signals}
	want.init, want.main = in.containers(shape, in.baseContainer(variable, resources, user), port)
	return want, nil
}

// shape is the form of the sidecar.
type shape int

const (
	native   shape = iota // an init container that keeps running
	regular               // an init container that syncs once, and a container
	initOnly              // only the init container, so that the pod completes
)

func (in *injection) chooseShape() (shape, error) {
	switch {
	case in.settings.Native == settings.NativeTrue && in.options.Native == NativeUnsupported:
		return 0, in.settings.NativeSource.Err(`native sidecars need Kubernetes 1.29 or later: use "auto" or "false"`)
	case in.settings.Native == settings.NativeTrue, in.settings.Native == settings.NativeAuto && in.options.Native == NativeDefault:
		return native, nil
	case in.pod.Spec.RestartPolicy == "" || in.pod.Spec.RestartPolicy == corev1.RestartPolicyAlways:
		return regular, nil
	}
	in.warn("certificates are not renewed in this pod: its restartPolicy is " + string(in.pod.Spec.RestartPolicy) +
		" and it has no native sidecar, so certificates are fetched only once, before its containers start")
	if !in.settings.Config.RequireInitialSync {
		in.warn("the pod's containers wait for the certificates although " + contract.KeyRequireInitial + " is false: " +
			"nothing would fetch them later")
	}
	return initOnly, nil
}

// checkTenant warns where the pod's own identity, which the sidecar uses for a vault, belongs to a
// tenant that no vault accepts.
func (in *injection) checkTenant() {
	c := in.settings.Config
	if in.identity.VaultWarning == "" || in.settings.EndpointOnly || c.Credential != contract.CredentialWorkloadIdentity {
		return
	}
	usesPodTenant := func(c contract.Certificate) bool { return c.TenantID == "" }
	// The list is empty where the certificates are in a ConfigMap that was not read.
	if len(c.Certificates) == 0 || slices.ContainsFunc(c.Certificates, usesPodTenant) {
		in.warn(in.identity.VaultWarning)
	}
}
