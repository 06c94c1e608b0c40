package credential

import (
	"fmt"
	"net/http"
	"strings"
)

// ConfigError says that the pod was not given what it needs to get a token.
type ConfigError struct{ Problem, Do string }

func (e *ConfigError) Error() string { return e.Problem + ": " + e.Do }

// Permanent says that this pod will not get a token.
func (e *ConfigError) Permanent() bool { return true }

// TenantError says that a vault asked for a token of another tenant than the identity's.
type TenantError struct {
	Identity Identity
	// Asked is the tenant in the vault's challenge.
	Asked string
}

func (e *TenantError) Error() string {
	return fmt.Sprintf("the vault belongs to tenant %q, the identity %s to tenant %q: use an identity of the "+
		"vault's tenant (clientId and tenantId of the entry), and give the tenant by its ID, not by its domain",
		e.Asked, e.Identity.ClientID, e.Identity.TenantID)
}

// Permanent says that trying again gives the same.
func (e *TenantError) Permanent() bool { return true }

// TokenFileError says that the service-account token could not be read.
type TokenFileError struct {
	Path string
	Err  error // nil: it is empty
}

func (e *TokenFileError) Error() string {
	problem := "it is empty"
	if e.Err != nil {
		problem = e.Err.Error()
	}
	return fmt.Sprintf("service-account token %s: %s: the kubelet writes it into the projected volume; "+
		"check AZURE_FEDERATED_TOKEN_FILE and the volume's mount", e.Path, problem)
}

func (e *TokenFileError) Unwrap() error { return e.Err }

// UnreadableError says that Entra ID, or what answered in its place, gave an answer that is none. What it
// was is not told, since it may hold a token.
type UnreadableError struct {
	// Status is the answer's status code, if it is known.
	Status int
}

func (e *UnreadableError) Error() string {
	status := ""
	if e.Status != 0 {
		status = fmt.Sprintf(" (status %d)", e.Status)
	}
	if e.Status >= http.StatusInternalServerError {
		return "Entra ID has a problem of its own" + status + ": it is tried again"
	}
	return "the answer to the token request" + status + " cannot be understood: " +
		"check AZURE_AUTHORITY_HOST, and whether a proxy answers in the place of Entra ID"
}

// EntraError is an error that Entra ID answered with.
//
// Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
type EntraError struct {
	// Code is the AADSTS number, 0 where there was none; Name is OAuth's error, such as "invalid_client".
	Code int
	Name string
	// Status is the answer's status code.
	Status   int
	Identity Identity
	// Token is what the service-account token says, where the error is about it.
	Token *TokenClaims
	// TraceID is what Microsoft's support asks for.
	TraceID string

	description string
	rule        rule
}

func (e *EntraError) Error() string {
	var b strings.Builder
	b.WriteString("Entra ID gives no token")
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

// Permanent says that it takes a change of the pod or its identity.
func (e *EntraError) Permanent() bool { return e.rule.permanent }
