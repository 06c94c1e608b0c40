package settings

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

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
	// PodSecurity is the Pod Security level that the namespace enforces; empty where it enforces none.
	PodSecurity string
}

func (in IdentityInput) account() string {
	return fmt.Sprintf("service account %s/%s", in.Namespace, in.ServiceAccountName)
}

// Identity is what the annotations of Azure Workload Identity say.
type Identity struct {
	ClientID, TenantID string
	// Expiration is the token's lifetime in seconds.
	Expiration int64
	// SkipContainers names containers that get nothing.
	SkipContainers []string
	// Endpoint is nil where the pod does not ask for the metadata endpoint.
	Endpoint *Endpoint
	// CustomTokenEndpoint is set where the pod asks for the custom token endpoint.
	CustomTokenEndpoint bool
	// Warnings are what is suspicious but legal, in a stable order.
	Warnings []string
	// VaultWarning is one more, for pods that ask vaults for certificates with this identity; empty where there is none.
	VaultWarning string
}

// Skips reports whether the container is in SkipContainers.
func (i *Identity) Skips(container string) bool { return slices.Contains(i.SkipContainers, container) }

// ResolveIdentity resolves the annotations of Azure Workload Identity by the table of the package comment.
// The error is an *Error.
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
	if id.Endpoint, err = endpoint(in); err != nil {
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
				Reason: fmt.Sprintf("give seconds from %d to %d", contract.MinTokenExpiration, contract.MaxTokenExpiration),
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
		return fmt.Sprintf("kubectl annotate serviceaccount %s --namespace %s --overwrite %s=%s", in.ServiceAccountName, in.Namespace, annotation, value)
	}
	switch {
	case id.ClientID == "":
		warnings = append(warnings, fmt.Sprintf("%s has no annotation %s, so that tokens are for no application: %s",
			account, contract.AnnotationClientID, command(contract.AnnotationClientID, "<client ID>")))
	case !contract.IsGUID(id.ClientID):
		warnings = append(warnings, fmt.Sprintf("annotation %s on %s: %q is no GUID: %s",
			contract.AnnotationClientID, account, shorten(id.ClientID), command(contract.AnnotationClientID, "<client ID>")))
	}
	if id.TenantID == "" {
		warnings = append(warnings, fmt.Sprintf("%s has no annotation %s and the webhook has no default tenant: %s",
			account, contract.AnnotationTenantID, command(contract.AnnotationTenantID, "<tenant ID>")))
	}
	for _, key := range []string{contract.AnnotationClientID, contract.AnnotationTenantID} {
		if in.Pod[key] != "" {
			warnings = append(warnings, fmt.Sprintf("annotation %s on the pod has no effect: it belongs on %s", key, account))
		}
	}
	return warnings
}

// vaultWarning tells of a tenant that Entra ID knows, but for which vaults give nothing.
func vaultWarning(in IdentityInput, id *Identity) string {
	if id.TenantID == "" || contract.IsGUID(id.TenantID) {
		return ""
	}
	source := "the webhook's default tenant"
	if strings.TrimSpace(in.ServiceAccount[contract.AnnotationTenantID]) != "" {
		source = "annotation " + contract.AnnotationTenantID + " on " + in.account()
	}
	return fmt.Sprintf("%s: %q %s", source, shorten(id.TenantID), contract.TenantNoGUID)
}
