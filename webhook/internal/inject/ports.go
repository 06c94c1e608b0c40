package inject

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// choosePort returns the port that the sidecar listens on: that of the settings, or the first one
// from contract.DefaultPort that no container declares. It is 0 with hostNetwork, where no port is
// opened.
func (in *injection) choosePort() (int, error) {
	if in.pod.Spec.HostNetwork {
		return 0, nil
	}
	if port := in.settings.Config.Port; port != 0 {
		if owner := in.portOwner(port); owner != "" {
			reason := owner + " uses this port: choose another one, or remove the setting so that a free port is chosen"
			if in.settings.Port.Given() {
				return 0, in.settings.Port.Err(reason)
			}
			return 0, &Denied{fmt.Sprintf("port %d of the certificate settings: %s", port, reason)}
		}
		return port, nil
	}
	port := contract.DefaultPort
	for in.portOwner(port) != "" {
		port++
	}
	return port, nil
}

// portOwner returns a text for what uses a port, or "".
func (in *injection) portOwner(port int) string {
	if in.endpoint != nil && in.endpoint.Port == port {
		return "the metadata endpoint"
	}
	for _, c := range in.apps {
		for i := range c.Ports {
			if int(c.Ports[i].ContainerPort) == port {
				return "container " + c.Name
			}
		}
	}
	return ""
}

// listener returns the name of the container that listens on a TCP port, or "".
func listener(apps []*container, port int) string {
	for _, c := range apps {
		for i := range c.Ports {
			if p := &c.Ports[i]; int(p.ContainerPort) == port && (p.Protocol == "" || p.Protocol == corev1.ProtocolTCP) {
				return c.Name
			}
		}
	}
	return ""
}
