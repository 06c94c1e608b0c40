package settings

import (
	"slices"
	"strconv"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// Endpoint is what the pod's annotations say of the metadata endpoint.
type Endpoint struct {
	// Port is that on 127.0.0.1.
	Port int
	// Address is set where the pod may have an init container that gives it the metadata service's own address: where no
	// Pod Security level forbids that.
	Address bool
}

// endpoint reads the annotations of the metadata endpoint; nil is none. Any value but "false" asks for it, as in Azure
// Workload Identity.
func endpoint(in IdentityInput) (*Endpoint, *Error) {
	if wanted, given := in.Pod[contract.AnnotationInjectProxySidecar]; !given || wanted == "false" {
		return nil, nil
	}
	e := &Endpoint{Port: contract.DefaultProxyPort}
	// A level that the API server does not know counts as the strictest one there, too.
	//
	// Source: k8s.io/pod-security-admission/api, PolicyToEvaluate
	e.Address = in.PodSecurity == "" || in.PodSecurity == "privileged"
	text := strings.TrimSpace(in.Pod[contract.AnnotationProxySidecarPort])
	if text == "" {
		return e, nil
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return nil, &Error{Annotation: contract.AnnotationProxySidecarPort, Level: Pod, Value: text, Reason: "a port is a number from 1 to 65535"}
	}
	e.Port = int(port)
	return e, nil
}

// endpointKeys are the annotations that a sidecar which serves the metadata endpoint alone is made by.
var endpointKeys = []string{
	contract.KeyPort, contract.KeyLogLevel, contract.KeyNativeSidecar,
	contract.KeyCPURequest, contract.KeyMemoryRequest, contract.KeyCPULimit, contract.KeyMemoryLimit,
}

// resolveEndpoint resolves the settings of a sidecar that serves the metadata endpoint alone. Annotations about
// certificates have no effect on it, and there is nothing to wait for.
func (r *Resolved) resolveEndpoint(f *found) Errors {
	r.EndpointOnly, r.Source = true, Pod.String()+": "+strings.TrimPrefix(contract.AnnotationInjectProxySidecar, contract.IdentityPrefix)
	no := false
	r.base = &contract.Settings{}
	r.over = &contract.Settings{SecretsManagement: contract.SecretsManagement{RequireInitialSync: &no}}
	given := make(map[string]Value) // by path
	var errs Errors
	for _, key := range overrides {
		if v := f.first(key.key); v.Given() && slices.Contains(endpointKeys, key.key) {
			given[key.path] = v
			if reason := key.set(r.over, v.Text); reason != "" {
				errs = append(errs, v.Err(reason))
			}
		}
	}
	if errs = append(errs, r.container(f)...); len(errs) > 0 {
		return errs
	}
	config, _, err := contract.Overlay(r.base, r.over).Validate(contract.Rules{Mode: contract.Pod, NoCertificates: true})
	if err != nil {
		return origin{given: given}.errors(err)
	}
	r.Config = config
	return nil
}
