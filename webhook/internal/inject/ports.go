package inject

import (
	"fmt"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// port returns the port that the sidecar listens on: the settings', or the next one from contract.DefaultPort
// that no container names. With hostNetwork there is none.
func (p *pass) port() (int, error) {
	if p.pod.Spec.HostNetwork {
		return 0, nil
	}
	if port := p.s.Config.Port; port != 0 {
		if owner := p.portOwner(port); owner != "" {
			reason := owner + " has the port: choose another, or leave the setting out for one that is free"
			if p.s.Port.Given() {
				return 0, p.s.Port.Err(reason)
			}
			return 0, &Denied{fmt.Sprintf("port %d of the certificate settings: %s", port, reason)}
		}
		return port, nil
	}
	port := contract.DefaultPort
	for p.portOwner(port) != "" {
		port++
	}
	return port, nil
}

// portOwner says who has a port, or "".
func (p *pass) portOwner(port int) string {
	if p.endpoint != nil && p.endpoint.Port == port {
		return "the metadata endpoint"
	}
	for i := range p.apps {
		for j := range p.apps[i].Ports {
			if int(p.apps[i].Ports[j].ContainerPort) == port {
				return "container " + p.apps[i].Name
			}
		}
	}
	return ""
}
