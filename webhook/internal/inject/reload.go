package inject

import (
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

// checkSignal refuses a reload signal where the sidecar cannot see the app's processes, or sees the node's.
func (p *pass) checkSignal() error {
	switch shared := p.pod.Spec.ShareProcessNamespace; {
	case p.pod.Spec.HostPID:
		return reloadError(p.s.ReloadSignal, "the pod has hostPID, so that the node's processes would be signalled: use reload-url")
	case shared != nil && !*shared:
		return reloadError(p.s.ReloadSignal, "the pod sets shareProcessNamespace to false, so that the sidecar cannot see its processes: "+
			"remove that, or use reload-url")
	}
	return nil
}

func reloadError(v settings.Value, reason string) error {
	if v.Given() {
		return v.Err(reason)
	}
	return &Denied{"reload.signal of the certificate settings: " + reason}
}

// shareProcesses lets the sidecar see and signal the app's processes.
func (p *pass) shareProcesses() {
	if p.pod.Spec.ShareProcessNamespace == nil {
		p.patch.add("/spec/shareProcessNamespace", true)
	}
	p.warn("for the reload signal the pod's containers share one process namespace: they see each other's processes, and the app is not process 1 " +
		"(annotation " + contract.Prefix + contract.KeyReloadURL + " does without)")
}
