// Package keyvault gets a secret from Azure Key Vault, by name and version.
//
// It guarantees:
//   - one client per vault and identity, and one token per identity and cloud;
//   - one request per Get when there is a token, and three round trips for the first Gets of a
//     vault together (see challengeGate);
//   - a time limit for every call;
//   - errors that say what to do, with the types of this package, of credential and of azhttp.
//
// It never sends a request to a host that the caller did not name. It never sends a token if the
// vault's challenge does not match the vault's host (the SDK also checks this, and nothing here
// disables that check). It never puts any part of a secret's value into an error.
package keyvault

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// getTimeout limits one Get, including challenge, discovery and token request.
const getTimeout = 45 * time.Second

// Identity is the identity that reads secrets. The client ID is used in error messages.
type Identity struct {
	ClientID   string
	Credential azcore.TokenCredential
}

// Ref identifies a secret and the identity that reads it.
type Ref struct {
	// VaultURL is the scheme and host of the vault.
	VaultURL string
	Name     string
	// Version is empty for the newest version.
	Version string
	// ClientID and TenantID select the identity. Both are empty for the default identity.
	ClientID, TenantID string
}

// Secret is a version of a secret.
type Secret struct {
	// Value is confidential: it contains a private key.
	Value       string
	ContentType string
	Version     string
}

// Client gets secrets from any number of vaults. It is safe for concurrent use.
type Client struct {
	where    contract.Mode
	identify func(clientID, tenantID string) (Identity, error)
	options  azcore.ClientOptions

	mu         sync.Mutex
	vaults     map[vaultKey]*vault
	identities map[identityKey]Identity
}

type (
	identityKey struct{ clientID, tenantID string }
	vaultKey    struct {
		url string
		identityKey
	}
)

// New returns a Client. identify creates the credential for a client ID and a tenant ID, each of
// which may be empty for the default. It is called once for each identity, and again after an error
// or if a vault no longer accepts the credential's token. where selects the texts of errors.
func New(where contract.Mode, identify func(clientID, tenantID string) (Identity, error), options azcore.ClientOptions) *Client {
	return &Client{
		where: where, identify: identify, options: options, vaults: map[vaultKey]*vault{}, identities: map[identityKey]Identity{},
	}
}

// Get returns a secret. Its errors are those of package credential, *azhttp.UnreachableError,
// *azhttp.ThrottledError, *NotFoundError, *DisabledError, *ForbiddenError, *ChallengeError,
// *RefusedTokenError, *RejectedError, *UnexpectedResponseError, or that of ctx.
func (c *Client) Get(ctx context.Context, ref Ref) (Secret, error) {
	call, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	secret, v, err := c.get(call, ref)
	if _, refused := errors.AsType[*RefusedTokenError](err); refused {
		c.forget(v)
		secret, _, err = c.get(call, ref)
	}
	if err != nil && ctx.Err() != nil {
		return Secret{}, ctx.Err() // the caller canceled the call, so this is not a failure of the vault
	}
	return secret, err
}

func (c *Client) get(ctx context.Context, ref Ref) (Secret, *vault, error) {
	v, err := c.vault(ref)
	if err != nil {
		return Secret{}, nil, err
	}
	secret, err := v.get(ctx, ref)
	return secret, v, err
}

// forget removes the client of a vault and its credential, which caches the token. The next client
// starts with a new token.
func (c *Client) forget(v *vault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.vaults[v.key] == v {
		delete(c.vaults, v.key)
		delete(c.identities, v.key.identityKey)
	}
}

func (c *Client) vault(ref Ref) (*vault, error) {
	key := vaultKey{strings.ToLower(ref.VaultURL), identityKey{ref.ClientID, ref.TenantID}}
	c.mu.Lock()
	defer c.mu.Unlock()
	if v := c.vaults[key]; v != nil {
		return v, nil
	}
	id, found := c.identities[key.identityKey]
	if !found {
		var err error
		if id, err = c.identify(ref.ClientID, ref.TenantID); err != nil {
			return nil, err
		}
		c.identities[key.identityKey] = id
	}
	v, err := newVault(key, id, c.where, c.options)
	if err != nil {
		return nil, err
	}
	c.vaults[key] = v
	return v, nil
}

// vault is the client of one vault for one identity.
type vault struct {
	key     vaultKey
	id      Identity
	where   contract.Mode
	secrets *azsecrets.Client
	gate    *challengeGate
}

func newVault(key vaultKey, id Identity, where contract.Mode, options azcore.ClientOptions) (*vault, error) {
	v := &vault{key: key, id: id, where: where, gate: newChallengeGate(key.url, id.Credential)}
	options.PerRetryPolicies = append([]policy.Policy{v.gate}, options.PerRetryPolicies...)
	secrets, err := azsecrets.NewClient(key.url, id.Credential, &azsecrets.ClientOptions{ClientOptions: options})
	if err != nil {
		return nil, err
	}
	v.secrets = secrets
	return v, nil
}

func (v *vault) host() string { return strings.TrimPrefix(v.key.url, "https://") }

func (v *vault) get(ctx context.Context, ref Ref) (Secret, error) {
	leave, err := v.gate.enter(ctx)
	if err != nil {
		return Secret{}, v.explain(err, ref)
	}
	defer leave()
	resp, err := v.secrets.GetSecret(ctx, ref.Name, ref.Version, nil)
	if err != nil {
		return Secret{}, v.explain(err, ref)
	}
	if resp.Value == nil || resp.ID == nil || resp.ID.Version() == "" {
		return Secret{}, &UnexpectedResponseError{Ref: ref, Status: http.StatusOK}
	}
	secret := Secret{Value: *resp.Value, Version: resp.ID.Version()}
	if resp.ContentType != nil {
		secret.ContentType = *resp.ContentType
	}
	return secret, nil
}
