package inject

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

// WantsEndpoint reports whether Pod is to give the pod the metadata endpoint: it is asked for, and neither the original
// webhook's job nor there from it already. Windows pods have none.
func WantsEndpoint(pod *corev1.Pod, id *settings.Identity, o *Options) bool {
	return id.Endpoint != nil && o.InjectIdentity && !isWindows(pod) &&
		!slices.ContainsFunc(slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers), func(c corev1.Container) bool {
			return c.Name == originalProxy
		})
}

// planEndpoint refuses pods that cannot have the metadata endpoint that they are to have, and finds out how it is reached:
//
//	the namespace's Pod Security  the sidecar listens on                  what leads apps there
//	----------------------------  --------------------------------------  ---------------------------------------------
//	none or "privileged"          169.254.169.254:80, which an init       the address, which they know
//	                              container gives to the pod, and
//	                              127.0.0.1:<port>
//	"baseline", "restricted"      127.0.0.1:<port>                        IDENTITY_ENDPOINT and IDENTITY_HEADER, by which
//	                                                                      the SDKs take it for App Service's
func (p *pass) planEndpoint() error {
	if p.id.Endpoint != nil && isWindows(p.pod) {
		p.warn("annotation " + contract.AnnotationInjectProxySidecar + " has no effect in Windows pods: there is no metadata endpoint in them")
	}
	if !WantsEndpoint(p.pod, p.id, p.o) {
		return nil
	}
	p.endpoint = p.id.Endpoint
	if p.pod.Spec.HostNetwork {
		return endpointError("the pod has hostNetwork, and its metadata endpoint would be the whole node's: do without hostNetwork, " +
			"or let the app use workload identity (AZURE_FEDERATED_TOKEN_FILE), which its SDK supports in newer versions")
	}
	if owner := p.listener(p.endpoint.Port); owner != "" {
		return &settings.Error{Annotation: contract.AnnotationProxySidecarPort, Level: settings.Pod, Value: strconv.Itoa(p.endpoint.Port),
			Reason: fmt.Sprintf("container %s has the port: choose another", owner)}
	}
	if !p.endpoint.Address {
		p.warn("namespaces that enforce Pod Security " + `"baseline" or "restricted"` + " have the metadata endpoint at " + p.endpointURL() +
			", where " + contract.EnvIdentityEndpoint + " leads the SDKs, and not at " + contract.MetadataAddress +
			": apps that have this address built in need another namespace, or a newer SDK")
		return nil
	}
	if owner := p.listener(contract.MetadataPort); owner != "" {
		return endpointError(fmt.Sprintf("container %s has port %d, which the endpoint takes at %s, so that none can listen on it at all addresses: "+
			"let the container listen on another port", owner, contract.MetadataPort, contract.MetadataAddress))
	}
	if c := p.s.Config; c != nil && c.MSIEndpoint == contract.DefaultMSIEndpoint {
		return endpointError("certificates with the credential " + contract.CredentialManagedIdentity + " need the node's metadata service, " +
			"which the pod's own would hide: use the credential " + contract.CredentialWorkloadIdentity + ", or do without the endpoint")
	}
	return nil
}

func endpointError(reason string) error {
	return &settings.Error{Annotation: contract.AnnotationInjectProxySidecar, Level: settings.Pod, Reason: reason}
}

// listener returns the name of the container that listens on a TCP port.
func (p *pass) listener(port int) string {
	for i := range p.apps {
		for j := range p.apps[i].Ports {
			if q := &p.apps[i].Ports[j]; int(q.ContainerPort) == port && (q.Protocol == "" || q.Protocol == corev1.ProtocolTCP) {
				return p.apps[i].Name
			}
		}
	}
	return ""
}

func (p *pass) endpointURL() string { return p.endpointHost() + contract.PathAppServiceToken }

func (p *pass) endpointHost() string { return fmt.Sprintf("http://127.0.0.1:%d", p.endpoint.Port) }

const podUID = "metadata.uid"

// header is the secret that IDENTITY_HEADER is: the pod's UID, which nobody outside of the cluster knows or guesses, and
// which is the same for the app and the sidecar without being written anywhere.
func header(name string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{
		FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: podUID},
	}}
}

// endpointVariables lead the SDKs of an app's container to the endpoint. A container that sets one of them means another.
func (p *pass) endpointVariables(c *container) []corev1.EnvVar {
	if p.endpoint == nil || p.endpoint.Address {
		return nil
	}
	pair := []corev1.EnvVar{{Name: contract.EnvIdentityEndpoint, Value: p.endpointURL()}, header(contract.EnvIdentityHeader)}
	given := 0
	for _, v := range pair {
		if sets(c.Env, v.Name) {
			given++
		}
	}
	switch given {
	case 0:
		// Older SDKs for Node.js do not know the pair.
		return append(pair, corev1.EnvVar{Name: contract.EnvPodIdentityAuthorityHost, Value: p.endpointHost()})
	case 1:
		p.warn(fmt.Sprintf("container %s sets one of %s in its env, so that the SDKs are not led to the metadata endpoint there", c.Name, names(pair)))
	}
	return nil
}

// followEndpoint corrects variables of an earlier pass where the endpoint has another port by now, as in a copied pod. It is
// by the header that they are known: who means another endpoint has a secret of its own.
func (p *pass) followEndpoint(c *container) {
	own := func(e corev1.EnvVar) bool {
		return e.Name == contract.EnvIdentityHeader && e.ValueFrom != nil && e.ValueFrom.FieldRef != nil && e.ValueFrom.FieldRef.FieldPath == podUID
	}
	if p.endpoint == nil || !slices.ContainsFunc(c.Env, own) {
		return
	}
	if before, ok := strings.CutSuffix(valueOf(c.Env, contract.EnvIdentityEndpoint), contract.PathAppServiceToken); ok {
		p.correct(c, corev1.EnvVar{Name: contract.EnvIdentityEndpoint, Value: before + contract.PathAppServiceToken}, p.endpointURL())
		p.correct(c, corev1.EnvVar{Name: contract.EnvPodIdentityAuthorityHost, Value: before}, p.endpointHost())
	}
}

// serveEndpoint has the planned sidecar serve the endpoint.
func (p *pass) serveEndpoint(want *sidecar) error {
	if p.endpoint == nil {
		return nil
	}
	c := want.serving()
	switch {
	case c == nil:
		return endpointError("the pod's restartPolicy is " + string(p.pod.Spec.RestartPolicy) + " and it has no native sidecar, so that the endpoint " +
			"would keep it from completing: set annotation " + contract.Prefix + contract.KeyNativeSidecar + ` to "true" (Kubernetes 1.29 or later), ` +
			"or let the app use workload identity (AZURE_FEDERATED_TOKEN_FILE)")
	case c.RestartPolicy == nil:
		p.warn("the metadata endpoint starts with the pod's containers, not before them, and there is none for init containers: " +
			"apps have to try again until it is there (with native sidecars, it is there before)")
	}
	c.Args = append(c.Args, metadataFlag("127.0.0.1", p.endpoint.Port))
	if p.endpoint.Address {
		c.Args = append(c.Args, metadataFlag(contract.MetadataAddress, contract.MetadataPort))
	}
	// Also with the address: a pod that was copied from another namespace may have the variables.
	c.Env = append(c.Env, header(contract.EnvMetadataHeader))
	if p.endpoint.Address {
		want.init = slices.Insert(want.init, 0, p.addressContainer(c.Resources))
	}
	return nil
}

func metadataFlag(address string, port int) string {
	return fmt.Sprintf("--%s=%s:%d", contract.FlagMetadata, address, port)
}

// serving returns the container that keeps running, or nil where none does.
func (s *sidecar) serving() *corev1.Container {
	for _, list := range [][]corev1.Container{s.main, s.init} {
		for i := range list {
			if list[i].Name == contract.ContainerName {
				return &list[i]
			}
		}
	}
	return nil
}

// addressContainer gives the metadata service's address to the pod. It is the one container of this package that Pod
// Security "restricted" does not admit.
func (p *pass) addressContainer(resources corev1.ResourceRequirements) corev1.Container {
	yes, no, root := true, false, int64(0)
	return corev1.Container{
		Name:            contract.IMDSContainerName,
		Image:           p.o.Image,
		ImagePullPolicy: p.o.ImagePullPolicy,
		Args:            addressArgs,
		Resources:       *resources.DeepCopy(),
		SecurityContext: &corev1.SecurityContext{
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}, Add: []corev1.Capability{"NET_ADMIN"}},
			RunAsUser:                &root,
			RunAsGroup:               &root,
			RunAsNonRoot:             &no,
			ReadOnlyRootFilesystem:   &yes,
			AllowPrivilegeEscalation: &no,
			SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
	}
}

// addressArgs are what tells the container from one of its name that somebody else made.
var addressArgs = []string{contract.CommandIMDSInit}
