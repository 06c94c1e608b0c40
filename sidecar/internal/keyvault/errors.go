package keyvault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
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

// FailureReason implements certsync's behaviour of errors.
func (*NotFoundError) FailureReason() string { return contract.ReasonNotFound }

// DisabledError is returned if the secret's version is disabled.
type DisabledError struct{ Ref Ref }

func (e *DisabledError) Error() string {
	return fmt.Sprintf("%s is disabled (403 SecretDisabled): enable the certificate's version in the vault", e.Ref.URL())
}

// Permanent reports that a retry cannot succeed before someone changes something.
func (e *DisabledError) Permanent() bool { return true }

// FailureReason implements certsync's behaviour of errors.
func (*DisabledError) FailureReason() string { return contract.ReasonDisabled }

// UnexpectedResponseError is returned if the response is neither a secret nor a refusal of Key
// Vault. It may come from a server other than Key Vault. A retry can succeed.
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
		if foreign, ok := known.(*ChallengeError); ok { //nolint:errorlint // typed has unwrapped it
			foreign.Where = v.where
		}
		return known
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &azhttp.UnreachableError{Host: v.host(), Err: err, Where: v.where}
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
