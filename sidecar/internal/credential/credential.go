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
	"errors"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
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

// Federation is how the pod proves who it is.
type Federation struct {
	// TokenFile holds the service-account token. It is read again when a token is asked for.
	TokenFile string
	// AuthorityHost is Entra ID's URL; the public cloud's when empty.
	AuthorityHost string
}

// Credential is an azcore.TokenCredential for one identity.
type Credential struct {
	identity Identity
	// explain makes azidentity's errors those of this package; nil where tokens does.
	explain func(*azidentity.AuthenticationFailedError) error
	tokens  azcore.TokenCredential
	calls   singleflight.Group
}

// NewWorkloadIdentity returns a Credential. A *ConfigError comes back where a client ID, a tenant ID or a
// token file is not given, or no use.
func NewWorkloadIdentity(id Identity, f Federation, options azcore.ClientOptions) (*Credential, error) {
	if err := checkFederated(id, f); err != nil {
		return nil, err
	}
	if f.AuthorityHost != "" {
		options.Cloud = cloud.Configuration{ActiveDirectoryAuthorityHost: f.AuthorityHost}
	}
	tokens, err := azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
		ClientOptions: options,
		ClientID:      id.ClientID,
		TenantID:      id.TenantID,
		TokenFilePath: f.TokenFile,
		// Instance discovery asks the public cloud whether the authority is one of Microsoft's. Ours is
		// configured by whoever runs the cluster, not by the pod; asking costs a round trip, and for a
		// cloud of one's own the answer would be no.
		DisableInstanceDiscovery: true,
		// For AKS identity bindings; without the variables of these it does nothing.
		EnableAzureProxy: true,
	})
	if err != nil {
		return nil, &ConfigError{Problem: err.Error(), Do: "correct the AZURE_* variables of the container"}
	}
	c := &Credential{identity: id, tokens: tokens}
	c.explain = func(failed *azidentity.AuthenticationFailedError) error {
		return explainFederated(failed, id, f.TokenFile)
	}
	return c, nil
}

func checkFederated(id Identity, f Federation) error {
	switch {
	case id.ClientID == "":
		return &ConfigError{
			Problem: "no client ID",
			Do: "annotate the pod's service account with azure.workload.identity/client-id: <client ID of " +
				"the managed identity or application>, then create the pod anew",
		}
	case id.TenantID == "":
		return &ConfigError{
			Problem: "no tenant ID",
			Do: "annotate the pod's service account with azure.workload.identity/tenant-id, or set the " +
				"webhook's default tenant, then create the pod anew",
		}
	case f.TokenFile == "":
		return &ConfigError{
			Problem: "no service-account token file (AZURE_FEDERATED_TOKEN_FILE)",
			Do:      "let the webhook inject the sidecar, which mounts the token",
		}
	}
	return nil
}

// GetToken implements azcore.TokenCredential. The errors are *TenantError, *EntraError, *TokenFileError,
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
	if c.explain == nil {
		return azcore.AccessToken{}, err
	}
	var failed *azidentity.AuthenticationFailedError
	if errors.As(err, &failed) {
		return azcore.AccessToken{}, c.explain(failed)
	}
	return azcore.AccessToken{}, &UnreadableError{}
}

// requestTimeout bounds discovery and token request together.
const requestTimeout = 2 * azhttp.CallTimeout
