package inject

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

func endpointURL(e *settings.Endpoint) string { return endpointHost(e) + contract.PathAppServiceToken }

func endpointHost(e *settings.Endpoint) string { return fmt.Sprintf("http://127.0.0.1:%d", e.Port) }

const podUIDField = "metadata.uid"

// podUIDVariable returns a variable with the pod's UID as its value. The UID is the secret in
// IDENTITY_HEADER: nobody outside of the cluster knows it or can guess it, and the app and the
// sidecar both get it without a copy being stored anywhere.
func podUIDVariable(name string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{
		FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: podUIDField},
	}}
}

func isPodUID(e corev1.EnvVar) bool {
	return e.ValueFrom != nil && e.ValueFrom.FieldRef != nil && e.ValueFrom.FieldRef.FieldPath == podUIDField
}

// endpointVariables returns the variables by which the SDKs in an app's container find the
// endpoint. A container that already sets one of them uses another endpoint.
func (in *injection) endpointVariables(c *container) []corev1.EnvVar {
	if in.endpoint == nil || in.endpoint.Address {
		return nil
	}
	pair := []corev1.EnvVar{
		{Name: contract.EnvIdentityEndpoint, Value: endpointURL(in.endpoint)}, podUIDVariable(contract.EnvIdentityHeader),
	}
	given := 0
	for _, v := range pair {
		if c.sets(v.Name) {
			given++
		}
	}
	switch given {
	case 0:
		// Older SDKs for Node.js do not know the pair.
		return append(pair, corev1.EnvVar{Name: contract.EnvPodIdentityAuthorityHost, Value: endpointHost(in.endpoint)})
	case 1:
		in.warn(fmt.Sprintf("container %s sets one of %s in its env, so its SDKs do not find the metadata endpoint", c.Name, names(pair)))
	}
	return nil
}

// updateEndpointVariables corrects variables of an earlier injection where the endpoint now has
// another port, as in a copied pod. It recognises them by the header: another endpoint would have
// another secret.
func (in *injection) updateEndpointVariables(c *container) {
	injected := func(e corev1.EnvVar) bool { return e.Name == contract.EnvIdentityHeader && isPodUID(e) }
	if in.endpoint == nil || !slices.ContainsFunc(c.Env, injected) {
		return
	}
	if before, ok := strings.CutSuffix(valueOf(c.Env, contract.EnvIdentityEndpoint), contract.PathAppServiceToken); ok {
		in.replaceValue(c, corev1.EnvVar{Name: contract.EnvIdentityEndpoint, Value: before + contract.PathAppServiceToken}, endpointURL(in.endpoint))
		in.replaceValue(c, corev1.EnvVar{Name: contract.EnvPodIdentityAuthorityHost, Value: before}, endpointHost(in.endpoint))
	}
}
