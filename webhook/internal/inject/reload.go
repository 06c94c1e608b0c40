package inject

import (
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

// checkSignal denies a reload signal where the sidecar cannot see the app's processes, or would see
// those of the node.
func (in *injection) checkSignal() error {
	switch shared := in.pod.Spec.ShareProcessNamespace; {
	case in.pod.Spec.HostPID:
		return signalError(in.settings.ReloadSignal, "the pod has hostPID, so the sidecar would signal processes of the node: "+
			"use reload-url")
	case shared != nil && !*shared:
		return signalError(in.settings.ReloadSignal, "the pod sets shareProcessNamespace to false, "+
			"so the sidecar cannot see the app's processes: remove that setting, or use reload-url")
	}
	return nil
}

func signalError(v settings.Value, reason string) error {
	if v.Given() {
		return v.Err(reason)
	}
	return &Denied{"reload.signal of the certificate settings: " + reason}
}

// shareProcesses lets the sidecar see and signal the app's processes.
func (in *injection) shareProcesses() {
	if in.editor.shareProcesses == nil {
		in.editor.setShareProcesses(true)
	}
	in.warn("for the reload signal the pod's containers share one process namespace: " +
		"they see each other's processes, and the app is not process 1 " +
		"(annotation " + contract.Prefix + contract.KeyReloadURL + " does not need this)")
}
