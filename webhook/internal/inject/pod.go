package inject

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

// Result is what Pod returns.
type Result struct {
	// Patch is empty where the pod needs no change.
	Patch Patch
	// Warnings are those about identity, settings and the pod, for the admission response.
	Warnings []string
	// Sidecar reports that the patched pod has the sidecar: for certificates, the metadata
	// endpoint, or both.
	Sidecar bool
}

// Denied is the reason why a pod is denied, as a text for the pod's owner.
type Denied struct{ Reason string }

func (d *Denied) Error() string { return d.Reason }

// Pod returns the operations that the pod needs. The error is a *Denied, a *settings.Error or
// settings.Errors. Pod does not change or keep the pod, but the operations may share memory with it
// until they are encoded.
func Pod(pod *corev1.Pod, id *settings.Identity, s *settings.Resolved, o *Options) (Result, error) {
	in := newInjection(pod, id, s, o)
	in.warnings = append(append(in.warnings, id.Warnings...), s.Warnings...)
	if err := in.planEndpoint(); err != nil {
		return Result{}, err
	}
	want, err := in.plan()
	if err != nil {
		return Result{}, err
	}
	if err := in.apply(want); err != nil {
		return Result{}, err
	}
	return Result{Patch: in.editor.patch, Warnings: in.warnings, Sidecar: want != nil}, nil
}

// plan returns the sidecar that the pod needs, or nil. It changes nothing.
func (in *injection) plan() (*sidecar, error) {
	if in.settings.Config == nil {
		in.checkUnused()
		return nil, nil
	}
	if in.windows {
		in.warn("certificates are not synced in Windows pods: the pod gets no certificate sidecar")
		return nil, nil
	}
	if err := in.checkReserved(); err != nil {
		return nil, err
	}
	want, err := in.planSidecar()
	if err != nil {
		return nil, err
	}
	return want, in.serveEndpoint(want)
}

// apply changes the pod: it removes an outdated sidecar, adds identity, and adds the sidecar.
func (in *injection) apply(want *sidecar) error {
	current := want != nil && in.hasSidecar(want)
	if !current {
		in.removeOutdated(want)
	}
	if in.options.InjectIdentity {
		if err := in.addIdentity(); err != nil {
			return err
		}
	}
	injected := annotation{contract.Prefix + contract.KeyInjected, "true"}
	if want == nil {
		if in.options.Mark {
			in.writeAnnotations(injected)
		} else {
			in.writeAnnotations()
		}
		return nil
	}
	excluded := in.backupExclusion(want.volumes)
	if err := in.prepare(want); err != nil {
		return err
	}
	if current {
		in.moveAfterMesh()
	} else {
		in.insertSidecar(want)
	}
	in.writeAnnotations(injected, excluded,
		annotation{contract.Prefix + contract.KeySettingsSource, in.settings.Source},
		annotation{contract.Prefix + contract.KeySettingsHash, want.hash})
	return nil
}

// prepare gives the pod what the sidecar's containers need.
func (in *injection) prepare(want *sidecar) error {
	if err := in.mountStores(); err != nil {
		return err
	}
	in.checkBackup()
	in.editor.addVolumes(slices.DeleteFunc(want.volumes, func(v corev1.Volume) bool {
		return in.editor.volume(v.Name) != nil
	})...)
	if want.signals {
		in.shareProcesses()
	}
	if !in.settings.EndpointOnly {
		in.checkMesh()
	}
	if err := in.allowPorts(); err != nil {
		return err
	}
	in.addPullSecrets()
	return nil
}

// addPullSecrets adds the pull secrets of the sidecar's image.
func (in *injection) addPullSecrets() {
	var missing []corev1.LocalObjectReference
	for _, name := range in.options.ImagePullSecrets {
		secret := corev1.LocalObjectReference{Name: name}
		if !slices.Contains(in.pod.Spec.ImagePullSecrets, secret) {
			missing = append(missing, secret)
		}
	}
	in.editor.addPullSecrets(missing...)
}
