package credential

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// ConfigError is returned if the pod's configuration is not sufficient to get a token.
type ConfigError struct{ Problem, Remedy string }

func (e *ConfigError) Error() string { return e.Problem + ": " + e.Remedy }

// Permanent reports that this pod cannot get a token.
func (e *ConfigError) Permanent() bool { return true }

// FailureReason implements certsync's behaviour of errors.
func (*ConfigError) FailureReason() string { return contract.ReasonNoTokenFile }

// TenantError is returned if a vault requires a token of a tenant other than that of the identity.
type TenantError struct {
	Identity Identity
	// VaultTenant is the tenant in the vault's challenge.
	VaultTenant string
}

func (e *TenantError) Error() string {
	remedy := "use an identity of the vault's tenant (clientId and tenantId of the entry)"
	if !contract.IsGUID(e.Identity.TenantID) {
		remedy = "set the tenant to its ID, not its domain name, or " + remedy
	}
	return fmt.Sprintf("the vault belongs to tenant %q, the identity %s to tenant %q: %s",
		e.VaultTenant, e.Identity.ClientID, e.Identity.TenantID, remedy)
}

// Permanent reports that a retry cannot succeed.
func (e *TenantError) Permanent() bool { return true }

// FailureReason implements certsync's behaviour of errors.
func (*TenantError) FailureReason() string { return contract.ReasonNoToken }

// TokenFileError is returned if the service-account token cannot be read.
type TokenFileError struct {
	Path string
	Err  error // nil: the file is empty
	// Where selects the text.
	Where contract.Mode
}

func (e *TokenFileError) Error() string {
	problem := "the file is empty"
	if e.Err != nil {
		problem = e.Err.Error()
	}
	if e.Where != contract.Pod {
		return fmt.Sprintf("token file %s: %s: check AZURE_FEDERATED_TOKEN_FILE, and what writes the file", e.Path, problem)
	}
	return fmt.Sprintf("service-account token %s: %s: the kubelet writes it into the projected volume; "+
		"check AZURE_FEDERATED_TOKEN_FILE and the volume's mount", e.Path, problem)
}

func (e *TokenFileError) Unwrap() error { return e.Err }

// FailureReason implements certsync's behaviour of errors.
func (*TokenFileError) FailureReason() string { return contract.ReasonNoTokenFile }

// InvalidResponseError is returned if the response to a token request is not valid. It may come
// from a server other than Entra ID. The error does not contain the response, which may contain a
// token.
type InvalidResponseError struct {
	// Status is the status code of the response, if known.
	Status int
}

func (e *InvalidResponseError) Error() string {
	status := ""
	if e.Status != 0 {
		status = fmt.Sprintf(" (status %d)", e.Status)
	}
	if e.Status >= http.StatusInternalServerError {
		return "Entra ID has an internal problem" + status + ": the request is retried"
	}
	return "the response to the token request" + status + " is not valid: " +
		"check AZURE_AUTHORITY_HOST, and whether a proxy responds instead of Entra ID"
}

// FailureReason implements certsync's behaviour of errors.
func (*InvalidResponseError) FailureReason() string { return contract.ReasonNoToken }

// EntraError is an error that Entra ID returned.
//
// Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
type EntraError struct {
	// Code is the number of the AADSTS code, or 0 if there is none. Name is OAuth's error, such as
	// "invalid_client".
	Code int
	Name string
	// Status is the status code of the response.
	Status   int
	Identity Identity
	// Token contains the claims of the service-account token, or nil if they are not known.
	Token *TokenClaims
	// Where selects the text.
	Where contract.Mode
	// TraceID identifies the request for Microsoft's support.
	TraceID string

	description string
	rule        rule
}

func (e *EntraError) Error() string {
	var b strings.Builder
	b.WriteString("Entra ID did not issue a token")
	if e.Code != 0 {
		fmt.Fprintf(&b, " (AADSTS%d)", e.Code)
	} else {
		fmt.Fprintf(&b, " (status %d %s)", e.Status, e.Name)
	}
	b.WriteString(": ")
	if e.rule.text != nil {
		b.WriteString(e.rule.text(e))
	} else {
		b.WriteString(e.description)
	}
	if e.TraceID != "" {
		fmt.Fprintf(&b, " (trace ID %s)", e.TraceID)
	}
	return b.String()
}

// Permanent reports that a retry cannot succeed before the pod or its identity is changed.
func (e *EntraError) Permanent() bool { return e.rule.permanent }

// FailureReason implements certsync's behaviour of errors.
func (*EntraError) FailureReason() string { return contract.ReasonNoToken }
