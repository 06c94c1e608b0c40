// Package keyvault gets one secret of Azure Key Vault, by name and version.
//
// It guarantees one client per vault and identity, and one token per identity and cloud; one
// request per Get once there is a token; that the first Gets of a vault together take three round trips
// (see opening); a time limit on every call; and errors that say what to do, in the types of this
// package, of credential and of azhttp.
// It never asks a host that it was not given, sends no token where the vault's challenge does not belong
// to the vault's host (the SDK's check, which nothing here can switch off), and puts nothing of a
// secret's value into an error.
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
)

// getTimeout bounds one Get with everything before it: challenge, discovery, token.
const getTimeout = 45 * time.Second

// Identity is who asks: the client ID for error messages, and the credential.
type Identity struct {
	ClientID   string
	Credential azcore.TokenCredential
}

// Ref says which secret, and who is to ask for it.
type Ref struct {
	// VaultURL is scheme and host of the vault.
	VaultURL string
	Name     string
	// Version is empty for the newest.
	Version string
	// ClientID and TenantID select the identity; both empty for the default.
	ClientID, TenantID string
}

// Secret is what a vault answers.
type Secret struct {
	// Value is confidential: it holds a private key.
	Value       string
	ContentType string
	Version     string
}

// Client gets secrets from any number of vaults. It is safe for concurrent use.
type Client struct {
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

// New returns a Client. identify makes the credential for a client and tenant ID, each of which may be
// empty for the default; it is called once for every identity, and again after an error or where a vault does not accept
// the credential's token any more.
func New(identify func(clientID, tenantID string) (Identity, error), options azcore.ClientOptions) *Client {
	return &Client{
		identify: identify, options: options, vaults: map[vaultKey]*vault{}, identities: map[identityKey]Identity{},
	}
}

// Get returns a secret. Its errors are those of package credential, *azhttp.UnreachableError, *azhttp.ThrottledError,
// *NotFoundError, *DisabledError, *ForbiddenError, *ChallengeError, *RefusedTokenError, *AnswerError, or the context's.
func (c *Client) Get(ctx context.Context, ref Ref) (Secret, error) {
	call, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	secret, v, err := c.get(call, ref)
	if _, refused := errors.AsType[*RefusedTokenError](err); refused {
		c.forget(v)
		secret, _, err = c.get(call, ref)
	}
	if err != nil && ctx.Err() != nil {
		return Secret{}, ctx.Err() // the caller has gone; what it gave up on is no failure of the vault
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

// forget drops the client of a vault with its credential, which keeps the token: the next one begins with a new token.
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
	id, known := c.identities[key.identityKey]
	if !known {
		var err error
		if id, err = c.identify(ref.ClientID, ref.TenantID); err != nil {
			return nil, err
		}
		c.identities[key.identityKey] = id
	}
	v, err := newVault(key, id, c.options)
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
	secrets *azsecrets.Client
	opening *opening
}

func newVault(key vaultKey, id Identity, options azcore.ClientOptions) (*vault, error) {
	v := &vault{key: key, id: id, opening: newOpening(key.url, id.Credential)}
	options.PerRetryPolicies = append([]policy.Policy{v.opening}, options.PerRetryPolicies...)
	secrets, err := azsecrets.NewClient(key.url, id.Credential, &azsecrets.ClientOptions{ClientOptions: options})
	if err != nil {
		return nil, err
	}
	v.secrets = secrets
	return v, nil
}

func (v *vault) host() string { return strings.TrimPrefix(v.key.url, "https://") }

func (v *vault) get(ctx context.Context, ref Ref) (Secret, error) {
	leave, err := v.opening.enter(ctx)
	if err != nil {
		return Secret{}, v.explain(err, ref)
	}
	defer leave()
	answer, err := v.secrets.GetSecret(ctx, ref.Name, ref.Version, nil)
	if err != nil {
		return Secret{}, v.explain(err, ref)
	}
	if answer.Value == nil || answer.ID == nil || answer.ID.Version() == "" {
		return Secret{}, &AnswerError{Ref: ref, Status: http.StatusOK}
	}
	secret := Secret{Value: *answer.Value, Version: answer.ID.Version()}
	if answer.ContentType != nil {
		secret.ContentType = *answer.ContentType
	}
	return secret, nil
}
