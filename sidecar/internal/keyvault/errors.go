package keyvault

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/azhttp"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/credential"
)

// URL returns the secret's URL.
func (r Ref) URL() string {
	url := r.VaultURL + "/secrets/" + r.Name
	if r.Version != "" {
		url += "/" + r.Version
	}
	return url
}

// NotFoundError is returned if the secret or its version does not exist.
type NotFoundError struct{ Ref Ref }

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("%s does not exist (404 SecretNotFound): correct the name or version, or create or recover "+
		"the certificate in the vault", e.Ref.URL())
}

// Permanent reports that a retry cannot succeed before someone changes something.
func (e *NotFoundError) Permanent() bool { return true }

// DisabledError is returned if the secret's version is disabled.
type DisabledError struct{ Ref Ref }

func (e *DisabledError) Error() string {
	return fmt.Sprintf("%s is disabled (403 SecretDisabled): enable the certificate's version in the vault", e.Ref.URL())
}

// Permanent reports that a retry cannot succeed before someone changes something.
func (e *DisabledError) Permanent() bool { return true }

// ForbiddenError is returned if the identity is not allowed to read the secret. A new role
// assignment takes up to ten minutes to take effect, so a retry can succeed.
type ForbiddenError struct {
	Ref Ref
	// ClientID is the identity that was refused.
	ClientID string
	// Code is Key Vault's inner error code, such as "ForbiddenByRbac", or the outer code if there
	// is no inner one.
	Code string
}

func (e *ForbiddenError) Error() string {
	return fmt.Sprintf("identity %s is not allowed to read %s (403 %s): %s", e.ClientID, e.Ref.URL(), e.Code, e.remedy())
}

func (e *ForbiddenError) remedy() string {
	switch e.Code {
	case "ForbiddenByRbac":
		return `give it the role "Key Vault Secrets User" on the vault or the secret; a new assignment takes up to ten minutes to take effect`
	case "ForbiddenByPolicy", "AccessDenied":
		return `give it the secret permission "Get" in the vault's access policies, or the role "Key Vault Secrets User" ` +
			"if the vault uses Azure RBAC"
	case "ForbiddenByFirewall", "ForbiddenByConnection":
		return "the vault's firewall blocks the cluster's outbound address: allow the address, or use a private endpoint"
	default:
		return "check the vault's access configuration and networking"
	}
}

// RefusedTokenError is returned if the vault rejects a token that was issued for it. Either the
// token was revoked, or it has expired by the vault's clock, or the vault was moved to another
// tenant.
type RefusedTokenError struct {
	Ref Ref
	// ClientID is the identity of the token.
	ClientID string
}

func (e *RefusedTokenError) Error() string {
	return fmt.Sprintf("%s: the vault rejects the token of identity %s (401 Unauthorized), even a new one: "+
		"check the node's clock, and whether the vault was moved to another tenant", e.Ref.URL(), e.ClientID)
}

// UnexpectedResponseError is returned if the response is neither a secret nor one of the known
// errors. It may come from a server other than Key Vault. A retry can succeed.
type UnexpectedResponseError struct {
	Ref    Ref
	Status int
	// Code is Key Vault's error code, if there is one.
	Code string
}

func (e *UnexpectedResponseError) Error() string {
	code := ""
	if e.Code != "" {
		code = " " + e.Code
	}
	remedy := "check whether a proxy responds instead of Key Vault"
	switch {
	case e.Status >= http.StatusInternalServerError:
		remedy = "Key Vault has an internal problem; the request is retried"
	case e.Status >= http.StatusMultipleChoices && e.Status < http.StatusBadRequest:
		remedy = "redirects are not followed, since Key Vault never sends one: " + remedy
	}
	return fmt.Sprintf("%s: unexpected response (status %d%s): %s", e.Ref.URL(), e.Status, code, remedy)
}

// explain converts an error of the SDK's client into a typed error. It does not use the SDK's text,
// which contains the whole body of the response.
func (v *vault) explain(err error, ref Ref) error {
	if failed, ok := errors.AsType[*azcore.ResponseError](err); ok {
		return v.explainResponse(failed.RawResponse, ref)
	}
	if known := typed(err); known != nil {
		return known
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &azhttp.UnreachableError{Host: v.host(), Err: err}
	}
	return &UnexpectedResponseError{Ref: ref, Status: http.StatusOK} // the body could not be decoded
}

// typed returns the error that already has a type, without the SDK's errors around it. It returns
// nil if there is no such error.
func typed(err error) error {
	return cmp.Or(
		find[*azhttp.UnreachableError](err),
		find[*azhttp.ThrottledError](err),
		find[*ChallengeError](err),
		find[*credential.EntraError](err),
		find[*credential.ConfigError](err),
		find[*credential.TenantError](err),
		find[*credential.TokenFileError](err),
		find[*credential.ManagedIdentityError](err),
		find[*credential.InvalidResponseError](err),
	)
}

func find[T error](err error) error {
	if e, ok := errors.AsType[T](err); ok {
		return e
	}
	return nil
}

func (v *vault) explainResponse(resp *http.Response, ref Ref) error {
	if throttled := azhttp.Throttled(resp); throttled != nil {
		return throttled
	}
	outer, inner := codes(resp)
	code := inner
	if code == "" {
		code = outer
	}
	switch {
	case resp.StatusCode == http.StatusUnauthorized && outer == "Unauthorized":
		return &RefusedTokenError{Ref: ref, ClientID: v.id.ClientID}
	case resp.StatusCode == http.StatusNotFound && outer == "SecretNotFound":
		return &NotFoundError{Ref: ref}
	case resp.StatusCode == http.StatusForbidden && inner == "SecretDisabled":
		return &DisabledError{Ref: ref}
	case resp.StatusCode == http.StatusForbidden && code != "":
		return &ForbiddenError{Ref: ref, ClientID: v.id.ClientID, Code: code}
	}
	return &UnexpectedResponseError{Ref: ref, Status: resp.StatusCode, Code: code}
}

// codePattern matches error codes. Anything else is not put into an error.
var codePattern = regexp.MustCompile(`^\w{1,64}$`)

// codes returns Key Vault's error codes. The SDK parses only the outer one, and "Forbidden" alone
// is not enough to find the remedy.
//
// Source: https://learn.microsoft.com/azure/key-vault/general/rest-error-codes
func codes(resp *http.Response) (outer, inner string) {
	body, err := runtime.Payload(resp)
	if err != nil {
		return "", ""
	}
	var content struct {
		Error struct {
			Code  string `json:"code"`
			Inner struct {
				Code string `json:"code"`
			} `json:"innererror"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &content) != nil {
		return "", ""
	}
	if codePattern.MatchString(content.Error.Code) {
		outer = content.Error.Code
	}
	if codePattern.MatchString(content.Error.Inner.Code) {
		inner = content.Error.Inner.Code
	}
	return outer, inner
}
