package inject

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Options are what the webhook was configured with. Pod does not change them.
type Options struct {
	// InjectIdentity adds identity to the pod's own containers. It is false while the original webhook does that.
	InjectIdentity bool
	// Audience is that of the projected tokens; empty stands for contract.DefaultTokenAudience.
	Audience string
	// AuthorityHost is the value of AZURE_AUTHORITY_HOST.
	AuthorityHost string
	// LegacyPath also mounts the token at contract.LegacyIdentityMountPath.
	LegacyPath bool
	// TokenEndpoint is used by pods whose Identity has CustomTokenEndpoint; nil where none is configured.
	TokenEndpoint *TokenEndpoint
	// Mark writes the annotation contract.KeyInjected on every pod, and not only on those with a sidecar: whoever looks for
	// pods that were not injected then need not read the others.
	Mark bool
	// Native is what the API server makes of native sidecars.
	Native NativeSupport

	// Image is the sidecar's image. ImagePullPolicy may be empty. ImagePullSecrets are added to the pod's.
	Image            string
	ImagePullPolicy  corev1.PullPolicy
	ImagePullSecrets []string
	// StartAfter names init containers that the sidecar comes after, where the pod has them.
	StartAfter []string
	// Env is added to the sidecar: proxy variables.
	Env []corev1.EnvVar
	// ExtraCA is the value of contract.EnvExtraCA, not escaped.
	ExtraCA string
	// AllowedVaults is the value of contract.EnvAllowedVaults; nil leaves it to the sidecar's default.
	AllowedVaults []string
}

// TokenEndpoint is a custom token endpoint (AKS identity bindings).
type TokenEndpoint struct {
	// Audience is that of the projected tokens of pods that use the endpoint.
	Audience string
	// Proxy, SNIName and CAData are the values of AZURE_KUBERNETES_TOKEN_PROXY, _SNI_NAME and _CA_DATA.
	Proxy, SNIName, CAData string
	// CAConfigMap names a ConfigMap of the pod's namespace with the key ca.crt.
	CAConfigMap string
	// CASignerName and CALabelSelector select ClusterTrustBundles.
	CASignerName    string
	CALabelSelector *metav1.LabelSelector
}

// NativeSupport is what an API server makes of native sidecars, which are init containers that keep running.
type NativeSupport int

const (
	// NativeUnsupported is below 1.29: the field may be dropped, so the annotation "true" is denied.
	NativeUnsupported NativeSupport = iota
	// NativeOnRequest is from 1.29: kubelets may still be three minor versions older, so "auto" is "false".
	NativeOnRequest
	// NativeDefault is from 1.32: "auto" is "true".
	NativeDefault
)

// NativeSupportOf returns the support of an API server by its version.
func NativeSupportOf(major, minor int) NativeSupport {
	switch {
	case major > 1 || major == 1 && minor >= 32:
		return NativeDefault
	case major == 1 && minor >= 29:
		return NativeOnRequest
	}
	return NativeUnsupported
}
