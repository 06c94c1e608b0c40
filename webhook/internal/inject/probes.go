package inject

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// startupProbe holds back the app's containers until the initial sync is done. It is by exec, since the output
// of an exec probe, which is the reason, is what "kubectl describe pod" shows. It waits, so that the end of the
// sync is not noticed late; and it never gives up, since killing the sidecar mends nothing.
func startupProbe() *corev1.Probe {
	p := execProbe(binary, "probe", "--wait", "9s")
	p.TimeoutSeconds, p.PeriodSeconds, p.FailureThreshold = 10, 1, 86400
	return p
}

// execProbe asks over the unix socket, which works where no port may be opened.
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
