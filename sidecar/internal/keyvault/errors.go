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

// NotFoundError says that there is no such secret or version.
type NotFoundError struct{ Ref Ref }

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("%s does not exist (404 SecretNotFound): correct the name or version, or create or recover "+
		"the certificate in the vault", e.Ref.URL())
}

// Permanent says that somebody has to do something.
func (e *NotFoundError) Permanent() bool { return true }

// DisabledError says that the secret's version is disabled.
type DisabledError struct{ Ref Ref }

func (e *DisabledError) Error() string {
	return fmt.Sprintf("%s is disabled (403 SecretDisabled): enable the certificate's version in the vault", e.Ref.URL())
}

// Permanent says that somebody has to do something.
func (e *DisabledError) Permanent() bool { return true }

// ForbiddenError says that the identity may not read the secret. A new role assignment takes up to ten
// minutes to spread, so it is worth trying again.
type ForbiddenError struct {
	Ref Ref
	// ClientID is the identity that was refused.
	ClientID string
	// Code is Key Vault's inner error code, such as "ForbiddenByRbac", or the outer one without it.
	Code string
}

func (e *ForbiddenError) Error() string {
	return fmt.Sprintf("identity %s may not read %s (403 %s): %s", e.ClientID, e.Ref.URL(), e.Code, e.advice())
}

func (e *ForbiddenError) advice() string {
	switch e.Code {
	case "ForbiddenByRbac":
		return `give it the role "Key Vault Secrets User" on the vault or the secret; a new assignment takes up to ten minutes`
	case "ForbiddenByPolicy", "AccessDenied":
		return `give it the secret permission "Get" in the vault's access policies, or the role "Key Vault Secrets User" ` +
			"where the vault uses Azure RBAC"
	case "ForbiddenByFirewall", "ForbiddenByConnection":
		return "the vault's firewall refuses the address that the cluster calls from: allow it, or use a private endpoint"
	default:
		return "check the vault's access configuration and networking"
	}
}

// RefusedTokenError says that the vault does not accept the token, though it was got for it: it was revoked, has expired by
// the vault's clock, or the vault has moved to another tenant.
type RefusedTokenError struct {
	Ref Ref
	// ClientID is whose token it was.
	ClientID string
}

func (e *RefusedTokenError) Error() string {
	return fmt.Sprintf("%s: the vault does not accept the token of identity %s (401 Unauthorized), and neither a new one: "+
		"check the node's clock, and whether the vault has moved to another tenant", e.Ref.URL(), e.ClientID)
}

// AnswerError says that the vault, or what answered in its place, gave an answer that is no secret and
// none of the known errors. It is worth trying again.
type AnswerError struct {
	Ref    Ref
	Status int
	// Code is Key Vault's error code, where there was one.
	Code string
}

func (e *AnswerError) Error() string {
	code := ""
	if e.Code != "" {
		code = " " + e.Code
	}
	advice := "check whether a proxy answers in the place of Key Vault"
	switch {
	case e.Status >= http.StatusInternalServerError:
		advice = "Key Vault has a problem of its own; it is tried again"
	case e.Status >= http.StatusMultipleChoices && e.Status < http.StatusBadRequest:
		advice = "redirects are not followed, since Key Vault makes none: " + advice
	}
	return fmt.Sprintf("%s: unexpected answer (status %d%s): %s", e.Ref.URL(), e.Status, code, advice)
}

// explain gives an error of the SDK's client its type. The SDK's text is not used: it has the answer's
// whole body in it.
func (v *vault) explain(err error, ref Ref) error {
	if response, ok := errors.AsType[*azcore.ResponseError](err); ok {
		return v.explainAnswer(response.RawResponse, ref)
	}
	if known := typed(err); known != nil {
		return known
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &azhttp.UnreachableError{Host: v.host(), Err: err}
	}
	return &AnswerError{Ref: ref, Status: http.StatusOK} // the body could not be decoded
}

// typed finds the errors that have a type already, and sheds what the SDK put around them. It returns nil
// for any other.
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
		find[*credential.UnreadableError](err),
	)
}

func find[T error](err error) error {
	if e, ok := errors.AsType[T](err); ok {
		return e
	}
	return nil
}

func (v *vault) explainAnswer(resp *http.Response, ref Ref) error {
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
	return &AnswerError{Ref: ref, Status: resp.StatusCode, Code: code}
}

// word is what an error code looks like; anything else is not repeated.
var word = regexp.MustCompile(`^\w{1,64}$`)

// codes reads Key Vault's error codes. The SDK knows the outer one only, and "Forbidden" alone does not
// say what to do.
//
// Source: https://learn.microsoft.com/azure/key-vault/general/rest-error-codes
func codes(resp *http.Response) (outer, inner string) {
	body, err := runtime.Payload(resp)
	if err != nil {
		return "", ""
	}
	var answer struct {
		Error struct {
			Code  string `json:"code"`
			Inner struct {
				Code string `json:"code"`
			} `json:"innererror"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return "", ""
	}
	if word.MatchString(answer.Error.Code) {
		outer = answer.Error.Code
	}
	if word.MatchString(answer.Error.Inner.Code) {
		inner = answer.Error.Inner.Code
	}
	return outer, inner
}
