package settings

import (
	"slices"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// Endpoint is the metadata endpoint that the annotations of a pod request.
type Endpoint struct {
	// Port is the port on 127.0.0.1.
	Port int
	// Address is true if Pod Security allows the init container that adds the address of the
	// instance metadata service to the pod.
	Address bool
}

// parseEndpoint reads the annotations of the metadata endpoint. It returns nil if the pod does not
// request it. As in Azure Workload Identity, any value except "false" requests it.
func parseEndpoint(in IdentityInput) (*Endpoint, *Error) {
	if requested, given := in.Pod[contract.AnnotationInjectProxySidecar]; !given || requested == "false" {
		return nil, nil
	}
	e := &Endpoint{Port: contract.DefaultProxyPort}
	// As in the API server, an unknown level counts as the strictest one.
	//
	// Source: k8s.io/pod-security-admission/api, PolicyToEvaluate
	e.Address = in.PodSecurity == "" || in.PodSecurity == "privileged"
	text := strings.TrimSpace(in.Pod[contract.AnnotationProxySidecarPort])
	if text == "" {
		return e, nil
	}
	port, ok := contract.ParsePort(text)
	if !ok {
		return nil, &Error{Annotation: contract.AnnotationProxySidecarPort, Level: Pod, Value: text, Reason: contract.ReasonInvalidPort}
	}
	e.Port = port
	return e, nil
}

// endpointKeys are the annotations that affect a sidecar that only serves the metadata endpoint.
var endpointKeys = []string{
	contract.KeyPort, contract.KeyLogLevel, contract.KeyNativeSidecar,
	contract.KeyCPURequest, contract.KeyMemoryRequest, contract.KeyCPULimit, contract.KeyMemoryLimit,
	contract.KeyStorageRequest, contract.KeyStorageLimit,
}

// resolveEndpoint resolves the settings of a sidecar that only serves the metadata endpoint. It
// ignores annotations about certificates, and does not require an initial sync.
func (r *Resolved) resolveEndpoint(a *annotations) Errors {
	r.EndpointOnly, r.Source = true, Pod.String()+": "+strings.TrimPrefix(contract.AnnotationInjectProxySidecar, contract.IdentityPrefix)
	no := false
	r.base = &contract.Settings{}
	r.over = &contract.Settings{SecretsManagement: contract.SecretsManagement{RequireInitialSync: &no}}
	overriding := make(map[string]Value) // by path
	var errs Errors
	for _, override := range overrides {
		if v := a.first(override.key); v.Given() && slices.Contains(endpointKeys, override.key) {
			overriding[override.path] = v
			if reason := override.set(r.over, v.Text); reason != "" {
				errs = append(errs, v.Err(reason))
			}
		}
	}
	if errs = append(errs, r.readContainer(a)...); len(errs) > 0 {
		return errs
	}
	config, _, err := contract.Overlay(r.base, r.over).Validate(contract.Rules{Mode: contract.Pod, NoCertificates: true})
	if err != nil {
		return origin{overrides: overriding}.errors(err)
	}
	r.Config = config
	return nil
}
