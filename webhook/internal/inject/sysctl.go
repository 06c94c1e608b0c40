package inject

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// unprivilegedPorts is the sysctl with the lowest port that a process may listen on without a capability. It is one of
// the safe ones, which every cluster and Pod Security level lets pods set.
//
// Source: https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/#safe-and-unsafe-sysctls
const (
	unprivilegedPorts = "net.ipv4.ip_unprivileged_port_start"
	defaultLowestPort = 1024
)

// lowestPort returns the lowest port that the sidecar listens on for the endpoint.
func (p *pass) lowestPort() int {
	if p.endpoint.Address {
		return min(p.endpoint.Port, contract.MetadataPort)
	}
	return p.endpoint.Port
}

// allowPort lets the sidecar, which is not root, listen on the endpoint's ports. A value that the pod has is kept.
func (p *pass) allowPort() error {
	if p.endpoint == nil || p.lowestPort() >= defaultLowestPort {
		return nil
	}
	security := p.pod.Spec.SecurityContext
	if security == nil {
		security = &corev1.PodSecurityContext{}
	}
	for i := range security.Sysctls {
		s := &security.Sysctls[i]
		if s.Name != unprivilegedPorts {
			continue
		}
		if value, err := strconv.Atoi(s.Value); err == nil && value > p.lowestPort() {
			return endpointError("the pod's securityContext sets " + unprivilegedPorts + " to " + s.Value + ", but the sidecar, which is not root, listens on port " +
				strconv.Itoa(p.lowestPort()) + ": give a value that is not above it, or leave it out")
		}
		return nil
	}
	added := corev1.Sysctl{Name: unprivilegedPorts, Value: "0"}
	if p.pod.Spec.SecurityContext == nil {
		p.patch.add("/spec/securityContext", corev1.PodSecurityContext{Sysctls: []corev1.Sysctl{added}})
		return nil
	}
	appendTo(&p.patch, "/spec/securityContext/sysctls", len(security.Sysctls), added)
	return nil
}
