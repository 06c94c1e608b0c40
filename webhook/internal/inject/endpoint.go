package inject

import (
	"fmt"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

// WantsEndpoint reports whether Pod adds the metadata endpoint: the pod requests it, and the
// original webhook neither provides it nor has already added it. Windows pods do not get it.
func WantsEndpoint(pod *corev1.Pod, id *settings.Identity, o *Options) bool {
	return id.Endpoint != nil && o.InjectIdentity && !isWindows(pod) &&
		!slices.ContainsFunc(slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers), func(c corev1.Container) bool {
			return c.Name == originalProxy
		})
}

// planEndpoint denies pods that request the metadata endpoint but cannot have it, and decides how
// apps reach it:
//
//	the namespace's Pod Security  the sidecar listens on          how apps find it
//	----------------------------  ------------------------------  --------------------------------
//	none or "privileged"          169.254.169.254:80, which an    by the address, which they know
//	                              init container adds to the
//	                              pod, and 127.0.0.1:<port>
//	"baseline", "restricted"      127.0.0.1:<port>                by IDENTITY_ENDPOINT and
//	                                                              IDENTITY_HEADER, as in App Service
func (in *injection) planEndpoint() error {
	if in.identity.Endpoint != nil && in.windows {
		in.warn("annotation " + contract.AnnotationInjectProxySidecar + " has no effect in Windows pods: they cannot have the metadata endpoint")
	}
	if !WantsEndpoint(in.pod, in.identity, in.options) {
		return nil
	}
	in.endpoint = in.identity.Endpoint
	if in.pod.Spec.HostNetwork {
		return endpointError("the pod has hostNetwork, so its metadata endpoint would be reachable from the whole node: remove hostNetwork, " +
			"or let the app use workload identity (AZURE_FEDERATED_TOKEN_FILE), which newer versions of its SDK support")
	}
	if owner := listener(in.apps, in.endpoint.Port); owner != "" {
		return &settings.Error{
			Annotation: contract.AnnotationProxySidecarPort, Level: settings.Pod, Value: strconv.Itoa(in.endpoint.Port),
			Reason: fmt.Sprintf("container %s uses this port: choose another one", owner),
		}
	}
	if !in.endpoint.Address {
		in.warn("the namespace enforces Pod Security " + `"baseline" or "restricted"` + ", so the metadata endpoint is at " + endpointURL(in.endpoint) +
			" and not at " + contract.MetadataAddress + ": SDKs find it by " + contract.EnvIdentityEndpoint +
			", but apps with a hard-coded address need another namespace or a newer SDK")
		return nil
	}
	if owner := listener(in.apps, contract.MetadataPort); owner != "" {
		return endpointError(fmt.Sprintf("container %s has port %d, which the endpoint uses at %s, "+
			"so the container cannot listen on all addresses: let it listen on another port",
			owner, contract.MetadataPort, contract.MetadataAddress))
	}
	if c := in.settings.Config; c != nil && c.MSIEndpoint == contract.DefaultMSIEndpoint {
		return endpointError("certificates with the credential " + contract.CredentialManagedIdentity + " need the node's metadata service, " +
			"which the pod's endpoint would hide: use the credential " + contract.CredentialWorkloadIdentity + ", or remove the annotation")
	}
	return nil
}

func endpointError(reason string) error {
	return &settings.Error{Annotation: contract.AnnotationInjectProxySidecar, Level: settings.Pod, Reason: reason}
}

// serveEndpoint makes the planned sidecar serve the endpoint.
func (in *injection) serveEndpoint(want *sidecar) error {
	if in.endpoint == nil {
		return nil
	}
	c := want.running()
	switch {
	case c == nil:
		return endpointError("the pod's restartPolicy is " + string(in.pod.Spec.RestartPolicy) + " and it has no native sidecar, " +
			"so the endpoint would keep the pod from completing: set annotation " +
			contract.Prefix + contract.KeyNativeSidecar + ` to "true" (Kubernetes 1.29 or later), ` +
			"or let the app use workload identity (AZURE_FEDERATED_TOKEN_FILE)")
	case c.RestartPolicy == nil:
		in.warn("the metadata endpoint starts together with the pod's containers, so init containers cannot use it " +
			"and apps have to retry until it responds (a native sidecar starts before them)")
	}
	c.Args = append(c.Args, metadataFlag("127.0.0.1", in.endpoint.Port))
	if in.endpoint.Address {
		c.Args = append(c.Args, metadataFlag(contract.MetadataAddress, contract.MetadataPort))
	}
	// Also with the address: a pod copied from another namespace may have the variables.
	c.Env = append(c.Env, podUIDVariable(contract.EnvMetadataHeader))
	if in.endpoint.Address {
		want.init = slices.Insert(want.init, 0, in.addressContainer(c.Resources))
	}
	return nil
}

func metadataFlag(address string, port int) string {
	return fmt.Sprintf("--%s=%s:%d", contract.FlagMetadata, address, port)
}

// addressArgs distinguish the injected container from another one with the same name.
var addressArgs = []string{contract.CommandIMDSInit}

// addressContainer returns the container that adds the metadata service's address to the pod. It is
// the only injected container that Pod Security "restricted" does not admit.
func (in *injection) addressContainer(resources corev1.ResourceRequirements) corev1.Container {
	yes, no, root := true, false, int64(0)
	return corev1.Container{
		Name:            contract.IMDSContainerName,
		Image:           in.options.Image,
		ImagePullPolicy: in.options.ImagePullPolicy,
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
