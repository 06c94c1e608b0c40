package inject

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Options are the webhook's configuration. Pod does not change them.
type Options struct {
	// InjectIdentity adds identity to the app's containers. It is false while the original webhook
	// does that.
	InjectIdentity bool
	// Audience is the audience of the projected tokens; if empty, contract.DefaultTokenAudience.
	Audience string
	// AuthorityHost is the value of AZURE_AUTHORITY_HOST.
	AuthorityHost string
	// LegacyPath also mounts the token at contract.LegacyIdentityMountPath.
	LegacyPath bool
	// TokenEndpoint is for pods whose Identity has CustomTokenEndpoint; nil if it is not
	// configured.
	TokenEndpoint *TokenEndpoint
	// Mark sets the annotation contract.KeyInjected on every pod, not only on those with a sidecar.
	// A search for uninjected pods then does not need to read the marked ones.
	Mark bool
	// Native is the API server's support for native sidecars.
	Native NativeSupport

	// Image is the sidecar's image. ImagePullPolicy may be empty. ImagePullSecrets are added to the
	// pod's.
	Image            string
	ImagePullPolicy  corev1.PullPolicy
	ImagePullSecrets []string
	// StartAfter lists init containers that have to start before the sidecar, where the pod has
	// them.
	StartAfter []string
	// Env is added to the sidecar, for example proxy variables.
	Env []corev1.EnvVar
	// ExtraCA is the value of contract.EnvExtraCA, not escaped.
	ExtraCA string
	// AllowedVaults is the value of contract.EnvAllowedVaults; nil means the sidecar's default.
	AllowedVaults []string
}

// TokenEndpoint is a custom token endpoint (AKS identity bindings).
type TokenEndpoint struct {
	// Audience is the audience of the projected tokens in pods that use the endpoint.
	Audience string
	// Proxy, SNIName and CAData are the values of AZURE_KUBERNETES_TOKEN_PROXY, _SNI_NAME and
	// _CA_DATA.
	Proxy, SNIName, CAData string
	// CAConfigMap is the name of a ConfigMap in the pod's namespace with the key ca.crt.
	CAConfigMap string
	// CASignerName and CALabelSelector select ClusterTrustBundles.
	CASignerName    string
	CALabelSelector *metav1.LabelSelector
}

// NativeSupport is an API server's support for native sidecars: init containers that keep running.
type NativeSupport int

const (
	// NativeUnsupported is below 1.29. The field may be dropped, so the annotation "true" is
	// denied.
	NativeUnsupported NativeSupport = iota
	// NativeOnRequest is from 1.29. Kubelets may be up to three minor versions older, so "auto"
	// means "false".
	NativeOnRequest
	// NativeDefault is from 1.32: "auto" means "true".
	NativeDefault
)

// NativeSupportOf returns the support in a version of the API server.
func NativeSupportOf(major, minor int) NativeSupport {
	switch {
	case major > 1 || major == 1 && minor >= 32:
		return NativeDefault
	case major == 1 && minor >= 29:
		return NativeOnRequest
	}
	return NativeUnsupported
}
