package settings

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// IdentityInput is the input of ResolveIdentity.
type IdentityInput struct {
	// Pod and ServiceAccount are the annotations of the objects, with their full keys.
	Pod, ServiceAccount map[string]string
	// Namespace and ServiceAccountName are for messages.
	Namespace, ServiceAccountName string
	// DefaultTenantID is the tenant ID if the service account does not have one.
	DefaultTenantID string
	// TokenEndpointSuffix is the suffix of the annotation "use-<suffix>". It is empty if the
	// webhook does not have a custom token endpoint.
	TokenEndpointSuffix string
	// PodSecurity is the Pod Security level that the namespace enforces, or empty.
	PodSecurity string
}

func (in IdentityInput) account() string {
	return fmt.Sprintf("service account %s/%s", in.Namespace, in.ServiceAccountName)
}

// Identity is the result of ResolveIdentity.
type Identity struct {
	ClientID, TenantID string
	// Expiration is the lifetime of the token in seconds.
	Expiration int64
	// SkipContainers are the names of containers to leave unchanged.
	SkipContainers []string
	// Endpoint is nil if the pod does not request the metadata endpoint.
	Endpoint *Endpoint
	// CustomTokenEndpoint is true if the pod requests the custom token endpoint.
	CustomTokenEndpoint bool
	// Warnings are about annotations that are allowed but probably a mistake, in a stable order.
	Warnings []string
	// VaultWarning is a further warning for pods that use this identity to get certificates, or
	// empty.
	VaultWarning string
}

// Skips reports whether the container is in SkipContainers.
func (i *Identity) Skips(container string) bool { return slices.Contains(i.SkipContainers, container) }

// ResolveIdentity resolves the annotations of Azure Workload Identity by the table in the package
// comment. The error is an *Error.
func ResolveIdentity(in IdentityInput) (*Identity, error) {
	id := &Identity{
		ClientID: strings.TrimSpace(in.ServiceAccount[contract.AnnotationClientID]),
		TenantID: strings.TrimSpace(in.ServiceAccount[contract.AnnotationTenantID]),
	}
	if id.TenantID == "" {
		id.TenantID = in.DefaultTenantID
	}
	if err := id.setExpiration(in); err != nil {
		return nil, err
	}
	for name := range strings.SplitSeq(in.Pod[contract.AnnotationSkipContainers], ";") {
		if name = strings.TrimSpace(name); name != "" {
			id.SkipContainers = append(id.SkipContainers, name)
		}
	}
	var err *Error
	if id.Endpoint, err = parseEndpoint(in); err != nil {
		return nil, err
	}
	if in.TokenEndpointSuffix != "" {
		use := in.Pod[contract.IdentityPrefix+"use-"+in.TokenEndpointSuffix]
		id.CustomTokenEndpoint = strings.EqualFold(use, "true")
	}
	id.Warnings, id.VaultWarning = identityWarnings(in, id), vaultWarning(in, id)
	return id, nil
}

func (i *Identity) setExpiration(in IdentityInput) *Error {
	i.Expiration = contract.DefaultTokenExpiration
	for level, annotations := range []map[string]string{Pod: in.Pod, ServiceAccount: in.ServiceAccount} {
		text := strings.TrimSpace(annotations[contract.AnnotationTokenExpiration])
		if text == "" {
			continue
		}
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil || seconds < contract.MinTokenExpiration || seconds > contract.MaxTokenExpiration {
			return &Error{
				Annotation: contract.AnnotationTokenExpiration, Level: Level(level), Value: text,
				Reason: fmt.Sprintf("expected seconds from %d to %d", contract.MinTokenExpiration, contract.MaxTokenExpiration),
			}
		}
		i.Expiration = seconds
		return nil
	}
	return nil
}

func identityWarnings(in IdentityInput, id *Identity) (warnings []string) {
	account := in.account()
	command := func(annotation, value string) string {
		return fmt.Sprintf("kubectl annotate serviceaccount %s --namespace %s --overwrite %s=%s",
			in.ServiceAccountName, in.Namespace, annotation, value)
	}
	switch {
	case id.ClientID == "":
		warnings = append(warnings, fmt.Sprintf("%s does not have annotation %s, so no token can be issued: %s",
			account, contract.AnnotationClientID, command(contract.AnnotationClientID, "<client ID>")))
	case !contract.IsGUID(id.ClientID):
		warnings = append(warnings, fmt.Sprintf("annotation %s on %s: %q is not a GUID: %s",
			contract.AnnotationClientID, account, shorten(id.ClientID), command(contract.AnnotationClientID, "<client ID>")))
	}
	if id.TenantID == "" {
		warnings = append(warnings, fmt.Sprintf("%s does not have annotation %s, and the webhook does not have a default tenant: %s",
			account, contract.AnnotationTenantID, command(contract.AnnotationTenantID, "<tenant ID>")))
	}
	for _, key := range []string{contract.AnnotationClientID, contract.AnnotationTenantID} {
		if in.Pod[key] != "" {
			warnings = append(warnings, fmt.Sprintf("annotation %s on the pod has no effect: it belongs on %s", key, account))
		}
	}
	return warnings
}

// vaultWarning warns about a domain name as tenant ID. Entra ID accepts it, but vaults do not.
func vaultWarning(in IdentityInput, id *Identity) string {
	if id.TenantID == "" || contract.IsGUID(id.TenantID) {
		return ""
	}
	source := "the webhook's default tenant"
	if strings.TrimSpace(in.ServiceAccount[contract.AnnotationTenantID]) != "" {
		source = "annotation " + contract.AnnotationTenantID + " on " + in.account()
	}
	return fmt.Sprintf("%s: %q %s", source, shorten(id.TenantID), contract.TenantNotGUID)
}
