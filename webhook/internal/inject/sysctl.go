package inject

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

// unprivilegedPorts is the sysctl for the lowest port that a process may listen on without a
// capability. It is one of the safe sysctls, which every cluster and every Pod Security level
// allows.
//
// Source:
// https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/#safe-and-unsafe-sysctls
const (
	unprivilegedPorts = "net.ipv4.ip_unprivileged_port_start"
	defaultLowestPort = 1024
)

// lowestPort returns the lowest port that the sidecar listens on for the endpoint.
func lowestPort(e *settings.Endpoint) int {
	if e.Address {
		return min(e.Port, contract.MetadataPort)
	}
	return e.Port
}

// allowPorts lets the sidecar, which does not run as root, listen on the endpoint's ports. It keeps
// a value that the pod already sets.
func (in *injection) allowPorts() error {
	if in.endpoint == nil || lowestPort(in.endpoint) >= defaultLowestPort {
		return nil
	}
	for _, s := range in.editor.sysctls {
		if s.Name != unprivilegedPorts {
			continue
		}
		if value, err := strconv.Atoi(s.Value); err == nil && value > lowestPort(in.endpoint) {
			port := strconv.Itoa(lowestPort(in.endpoint))
			return endpointError("the pod's securityContext sets " + unprivilegedPorts + " to " + s.Value +
				", but the sidecar, which does not run as root, listens on port " + port + ": set it to at most " + port + ", or remove it")
		}
		return nil
	}
	in.editor.addSysctl(corev1.Sysctl{Name: unprivilegedPorts, Value: "0"})
	return nil
}
