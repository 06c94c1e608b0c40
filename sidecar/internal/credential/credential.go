// Package credential gets access tokens for Key Vault: with a Kubernetes service-account token that
// Microsoft Entra ID accepts for an application or a user-assigned identity (workload identity), or from the
// metadata service of the machine (managed identity).
//
// It guarantees that a token is asked for once, however many callers want it at the same time, and kept
// until it is due for renewal; that no token is asked for in another tenant than the configured one; and
// that every error says what to do, in one of the types of this package or of azhttp.
// It never puts a token, or anything that Entra ID's answer held beside its error, into an error.
package credential

import (
	"context"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"golang.org/x/sync/singleflight"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/azhttp"
)

// Identity says who is to get tokens.
type Identity struct {
	ClientID string
	// TenantID is a GUID or a domain name. It is the only tenant that tokens are got in. It is empty for a managed
	// identity, whose tenant only Azure knows.
	TenantID string
}

// Credential is an azcore.TokenCredential for one identity.
type Credential struct {
	identity Identity
	// tokens is azidentity's credential with errors of this package.
	tokens azcore.TokenCredential
	calls  singleflight.Group
}

// GetToken implements azcore.TokenCredential. The errors are *TenantError, *EntraError, *TokenFileError, *ConfigError,
// *ManagedIdentityError, *azhttp.ThrottledError, *azhttp.UnreachableError, *UnreadableError or the context's.
func (c *Credential) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if o.TenantID != "" && c.identity.TenantID != "" && !strings.EqualFold(o.TenantID, c.identity.TenantID) {
		return azcore.AccessToken{}, &TenantError{Identity: c.identity, Asked: o.TenantID}
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

// request outlives the caller whose context it was made with: others may be waiting for the result.
func (c *Credential) request(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
	defer cancel()
	ctx, note := azhttp.WithNote(ctx)
	token, err := c.tokens.GetToken(ctx, o)
	if err == nil {
		return token, nil
	}
	if note.Err != nil {
		return azcore.AccessToken{}, note.Err
	}
	return azcore.AccessToken{}, err
}

// requestTimeout bounds discovery and token request together.
const requestTimeout = 2 * azhttp.CallTimeout
