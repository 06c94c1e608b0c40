package inject

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// startupProbe keeps the app's containers from starting before the initial sync is done. It is an
// exec probe because "kubectl describe pod" shows its output, which is the reason. It waits, so
// that the end of the sync is noticed at once. It never gives up, because killing the sidecar would
// not help.
func startupProbe() *corev1.Probe {
	p := execProbe(binary, "probe", "--wait", "9s")
	p.TimeoutSeconds, p.PeriodSeconds, p.FailureThreshold = 10, 1, 86400
	return p
}

// execProbe probes over the unix socket, which also works where the sidecar cannot open a port.
func execProbe(command ...string) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:   corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: command}},
		TimeoutSeconds: 5,
	}
}

func httpProbe(path string) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
			Path: path, Port: intstr.FromString(contract.PortName),
		}},
		TimeoutSeconds: 5,
	}
}
