// Package credential gets access tokens for Key Vault. It uses either a Kubernetes service-account
// token that Microsoft Entra ID accepts for an application or a user-assigned identity (workload
// identity), or the metadata service of the machine (managed identity).
//
// It guarantees that callers that need the same token at the same time share one request, that a
// token is cached until it must be renewed, that a token is requested only in the configured
// tenant, and that every error has a type of this package or of azhttp and says what to do.
//
// It never puts a token into an error, or any part of Entra ID's response except its error fields.
package credential

import (
	"context"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"golang.org/x/sync/singleflight"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/azhttp"
)

// Identity is the identity that tokens are issued to.
type Identity struct {
	ClientID string
	// TenantID is a GUID or a domain name. Tokens are requested only in this tenant. It is empty
	// for a managed identity, whose tenant only Azure knows.
	TenantID string
}

// Credential is an azcore.TokenCredential for one identity.
type Credential struct {
	identity Identity
	// tokens is azidentity's credential with the errors of this package.
	tokens azcore.TokenCredential
	calls  singleflight.Group
}

// GetToken implements azcore.TokenCredential. The errors are *TenantError, *EntraError,
// *TokenFileError, *ConfigError, *ManagedIdentityError, *azhttp.ThrottledError,
// *azhttp.UnreachableError, *InvalidResponseError or that of ctx.
func (c *Credential) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if o.TenantID != "" && c.identity.TenantID != "" && !strings.EqualFold(o.TenantID, c.identity.TenantID) {
		return azcore.AccessToken{}, &TenantError{Identity: c.identity, VaultTenant: o.TenantID}
	}
	o.TenantID = c.identity.TenantID
	key := strings.Join(append([]string{o.Claims}, o.Scopes...), " ")
	result := c.calls.DoChan(key, func() (any, error) { return c.request(ctx, o) })
	select {
	case r := <-result:
		if r.Err != nil {
			return azcore.AccessToken{}, r.Err
		}
		return r.Val.(azcore.AccessToken), nil
	case <-ctx.Done():
		return azcore.AccessToken{}, ctx.Err()
	}
}

// request does not end when the first caller's context ends, since other callers may be waiting for
// the result.
func (c *Credential) request(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
	defer cancel()
	ctx, recorder := azhttp.WithErrorRecorder(ctx)
	token, err := c.tokens.GetToken(ctx, o)
	if err == nil {
		return token, nil
	}
	if recorder.Err != nil {
		return azcore.AccessToken{}, recorder.Err
	}
	return azcore.AccessToken{}, err
}

// requestTimeout limits discovery and token request together.
const requestTimeout = 2 * azhttp.CallTimeout
