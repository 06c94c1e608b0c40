package inject

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

// Result is what Pod found.
type Result struct {
	// Patch is empty where the pod needs nothing.
	Patch Patch
	// Warnings are those of identity and settings and those of the pod, for the admission answer.
	Warnings []string
	// Sidecar reports that the patched pod has the sidecar: for certificates, the metadata endpoint, or both.
	Sidecar bool
}

// Denied is why a pod cannot be served. Its text is for the pod's owner.
type Denied struct{ Reason string }

func (d *Denied) Error() string { return d.Reason }

// Pod returns what has to be added to the pod. The error is a *Denied, a *settings.Error or settings.Errors. It reads the pod
// and keeps no part of it, but operations may share memory with it until they are encoded.
func Pod(pod *corev1.Pod, id *settings.Identity, s *settings.Resolved, o *Options) (Result, error) {
	p := newPass(pod, id, s, o)
	p.warnings = append(append(p.warnings, id.Warnings...), s.Warnings...)
	if err := p.planEndpoint(); err != nil {
		return Result{}, err
	}
	want, err := p.plan()
	if err != nil {
		return Result{}, err
	}
	if err := p.apply(want); err != nil {
		return Result{}, err
	}
	return Result{Patch: p.patch, Warnings: p.warnings, Sidecar: want != nil}, nil
}

// plan decides about the sidecar; nil is none.
func (p *pass) plan() (*sidecar, error) {
	if p.s.Config == nil {
		p.checkUnused()
		return nil, nil
	}
	if isWindows(p.pod) {
		p.warn("certificates are not synced in Windows pods: the pod gets no certificate sidecar")
		return nil, nil
	}
	if err := p.checkReserved(); err != nil {
		return nil, err
	}
	want, err := p.sidecar()
	if err != nil {
		return nil, err
	}
	return want, p.serveEndpoint(want)
}

// apply makes the patch. What is computed from indexes comes first, what changes them last.
func (p *pass) apply(want *sidecar) error {
	kept := want != nil && p.holds(want)
	switch {
	case kept:
	case want != nil:
		if len(p.own) > 0 || p.hasOther(want.volumes) { // whoever copied the pod may have taken the containers out
			p.strip()
		}
	case len(p.own) > 0 && p.pod.Annotations[contract.Prefix+contract.KeySettingsHash] != "": // KeyInjected may be the mark alone
		p.withdraw()
	}
	if p.o.InjectIdentity {
		if err := p.identity(); err != nil {
			return err
		}
	}
	injected := annotation{contract.Prefix + contract.KeyInjected, "true"}
	if want == nil {
		if p.o.Mark {
			p.finish([]annotation{injected})
		} else {
			p.finish(nil)
		}
		return nil
	}
	if err := p.stores(); err != nil {
		return err
	}
	want.volumes = slices.DeleteFunc(want.volumes, func(v corev1.Volume) bool { return p.volume(v.Name) != nil })
	p.addVolumes(want.volumes...)
	if want.signals {
		p.shareProcesses()
	}
	if !p.s.EndpointOnly {
		p.checkMesh()
	}
	if err := p.allowPort(); err != nil {
		return err
	}
	p.pullSecrets()
	if kept {
		p.move()
	} else {
		p.place(want)
	}
	p.finish([]annotation{
		injected,
		{contract.Prefix + contract.KeySettingsSource, p.s.Source},
		{contract.Prefix + contract.KeySettingsHash, want.hash},
	})
	return nil
}

// finish writes the annotations.
func (p *pass) finish(list []annotation) {
	if a, ok := p.keepWarnings(p.warnings); ok {
		list = append(list, a)
	}
	p.annotate(list)
}

// pullSecrets adds those of the sidecar's image.
func (p *pass) pullSecrets() {
	var missing []corev1.LocalObjectReference
next:
	for _, name := range p.o.ImagePullSecrets {
		for _, s := range p.pod.Spec.ImagePullSecrets {
			if s.Name == name {
				continue next
			}
		}
		missing = append(missing, corev1.LocalObjectReference{Name: name})
	}
	appendTo(&p.patch, "/spec/imagePullSecrets", len(p.pod.Spec.ImagePullSecrets), missing...)
}

// isWindows reports whether the pod runs on Windows nodes only.
func isWindows(pod *corev1.Pod) bool {
	if os := pod.Spec.OS; os != nil {
		return os.Name == corev1.Windows
	}
	return pod.Spec.NodeSelector[corev1.LabelOSStable] == string(corev1.Windows) ||
		pod.Spec.NodeSelector["beta.kubernetes.io/os"] == string(corev1.Windows)
}
