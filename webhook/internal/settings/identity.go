package settings

// IdentityInput is what the identity of a pod is made of.
type IdentityInput struct {
	// Pod and ServiceAccount are the objects' annotations, with their full keys.
	Pod, ServiceAccount map[string]string
	// Namespace and ServiceAccountName are for messages.
	Namespace, ServiceAccountName string
	// DefaultTenantID is the webhook's own, used where the service account names none.
	DefaultTenantID string
	// TokenEndpointSuffix is that of the annotation "use-<suffix>"; empty where no custom token endpoint is configured.
	TokenEndpointSuffix string
}

// Identity is what the annotations of Azure Workload Identity say.
type Identity struct {
	ClientID, TenantID string
	// Expiration is the token's lifetime in seconds.
	Expiration int64
	// SkipContainers names containers that get nothing.
	SkipContainers []string
	// ProxySidecar is set where the pod asks for the metadata endpoint.
	ProxySidecar bool
	// CustomTokenEndpoint is set where the pod asks for the custom token endpoint.
	CustomTokenEndpoint bool
	// Warnings are what is suspicious but legal, in a stable order.
	Warnings []string
}

// Skips reports whether the container is in SkipContainers.
func (i *Identity) Skips(container string) bool { panic("being written") }

// ResolveIdentity resolves the annotations of Azure Workload Identity. The error is an *Error.
func ResolveIdentity(in IdentityInput) (*Identity, error) { panic("being written") }
