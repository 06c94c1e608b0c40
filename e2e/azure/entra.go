package azure

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// entra is the emulated Entra ID: discovery, keys and the token endpoint of all
// clouds and tenants.
type entra struct {
	signer *tokenSigner

	mu           sync.Mutex
	tokens       Tokens
	issuers      map[string]*issuerKeys
	applications map[string]Application // by lower-case client ID
}

const defaultTokenLifetime = time.Hour

func newEntra(signer *tokenSigner) *entra {
	return &entra{
		signer:       signer,
		tokens:       Tokens{Lifetime: Duration(defaultTokenLifetime)},
		issuers:      make(map[string]*issuerKeys),
		applications: make(map[string]Application),
	}
}

func (*entra) name() string { return ServiceEntra }

// The paths of a tenant, without the first element.
const (
	pathOpenID    = "/v2.0/.well-known/openid-configuration"
	pathToken     = "/oauth2/v2.0/token"
	pathKeys      = "/discovery/v2.0/keys"
	pathInstances = "/common/discovery/instance"
)

func (*entra) operation(r *http.Request) string {
	if r.URL.Path == pathInstances {
		return OpInstanceDiscovery
	}
	_, path := splitTenant(r.URL.Path)
	switch path {
	case pathOpenID:
		return OpOpenIDDiscovery
	case pathToken:
		return OpToken
	case pathKeys:
		return OpKeys
	}
	return OpOther
}

func (*entra) isChallenge(*http.Request) bool { return false }

func (en *entra) serve(r *http.Request) answer { return en.serveWith(r, federatedCredentials) }

func federatedCredentials(a Application) []FederatedCredential { return a.FederatedCredentials }

// serveWith responds to r. It accepts assertions for an application that match the credentials that
// accepted returns.
func (en *entra) serveWith(r *http.Request, accepted func(Application) []FederatedCredential) answer {
	tenant, _ := splitTenant(r.URL.Path)
	host := hostOnly(r.Host)
	op := en.operation(r)
	if want := methodOf(op); want != "" && r.Method != want {
		return jsonAnswer(http.StatusMethodNotAllowed, map[string]string{"error": "invalid_request"})
	}
	switch op {
	case OpInstanceDiscovery:
		return instanceDiscovery(host)
	case OpOpenIDDiscovery, OpKeys, OpToken:
		if !en.hasTenant(tenant) {
			return newFacts(r).answer(90002)
		}
	}
	switch op {
	case OpOpenIDDiscovery:
		return openIDDiscovery(host, tenant)
	case OpKeys:
		return jsonAnswer(http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{en.signer.public()}})
	case OpToken:
		return en.token(r, cloudOfLogin(host), tenant, accepted)
	}
	return jsonAnswer(http.StatusNotFound, map[string]string{"error": "not_found"})
}

func methodOf(op string) string {
	switch op {
	case OpToken:
		return http.MethodPost
	case OpOther:
		return ""
	}
	return http.MethodGet
}

// splitTenant splits "/tenant/rest" into "tenant" and "/rest".
func splitTenant(path string) (tenant, rest string) {
	tenant, rest, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return tenant, "/" + rest
}

func (en *entra) hasTenant(tenant string) bool {
	en.mu.Lock()
	defer en.mu.Unlock()
	for _, a := range en.applications {
		if strings.EqualFold(a.Tenant, tenant) {
			return true
		}
	}
	return false
}

// openIDDiscovery returns the document of OpenID Connect Discovery 1.0, section 4.2, with the
// fields that clients of the token endpoint use. The issuer's host is that of the authority, as
// clients require.
func openIDDiscovery(host, tenant string) answer {
	base := "https://" + host + "/" + tenant
	return jsonAnswer(http.StatusOK, map[string]any{
		"issuer":                                base + "/v2.0",
		"authorization_endpoint":                base + "/oauth2/v2.0/authorize",
		"token_endpoint":                        base + pathToken,
		"device_authorization_endpoint":         base + "/oauth2/v2.0/devicecode",
		"jwks_uri":                              base + pathKeys,
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
		"response_types_supported":              []string{"code", "id_token", "code id_token", "id_token token"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"tenant_region_scope":                   nil,
	})
}

// instanceDiscovery tells a client which authority hosts belong to the same cloud.
func instanceDiscovery(host string) answer {
	var metadata []map[string]any
	for _, c := range clouds {
		metadata = append(metadata, map[string]any{
			"preferred_network": c.logins[0],
			"preferred_cache":   c.logins[0],
			"aliases":           c.logins,
		})
	}
	return jsonAnswer(http.StatusOK, map[string]any{
		"tenant_discovery_endpoint": "https://" + host + "/common" + pathOpenID,
		"api-version":               "1.1",
		"metadata":                  metadata,
	})
}

// application finds an identity in a tenant.
func (en *entra) application(clientID, tenant string) (Application, bool) {
	en.mu.Lock()
	defer en.mu.Unlock()
	a, ok := en.applications[strings.ToLower(clientID)]
	return a, ok && strings.EqualFold(a.Tenant, tenant)
}

func (en *entra) issuer(url string) *issuerKeys {
	en.mu.Lock()
	defer en.mu.Unlock()
	return en.issuers[url]
}

func (en *entra) settings() Tokens {
	en.mu.Lock()
	defer en.mu.Unlock()
	return en.tokens
}

func (en *entra) setTokens(t Tokens) {
	if t.Lifetime == 0 {
		t.Lifetime = Duration(defaultTokenLifetime)
	}
	en.mu.Lock()
	defer en.mu.Unlock()
	en.tokens = t
}

func (en *entra) putIssuer(i Issuer) error {
	keys, err := newIssuerKeys(i)
	if err != nil {
		return err
	}
	en.mu.Lock()
	defer en.mu.Unlock()
	en.issuers[i.URL] = keys
	return nil
}

// maxFederatedCredentials is Entra ID's limit per application.
const maxFederatedCredentials = 20

// defaultAudience is the audience that Entra ID recommends for federated credentials.
const defaultAudience = "api://AzureADTokenExchange"

func (en *entra) putApplication(a Application) error {
	switch {
	case a.ClientID == "" || a.Tenant == "":
		return fmt.Errorf("%w: application %q in tenant %q: client ID and tenant are required", ErrInvalid, a.ClientID, a.Tenant)
	case len(a.FederatedCredentials) > maxFederatedCredentials:
		return fmt.Errorf("%w: application %s: %d federated credentials (at most %d)",
			ErrInvalid, a.ClientID, len(a.FederatedCredentials), maxFederatedCredentials)
	}
	var err error
	if a.FederatedCredentials, err = completed(a.FederatedCredentials, defaultAudience); err != nil {
		return fmt.Errorf("application %s: federated credential %w", a.ClientID, err)
	}
	if a.IdentityBindings, err = completed(a.IdentityBindings, bindingAudience); err != nil {
		return fmt.Errorf("application %s: identity binding %w", a.ClientID, err)
	}
	if a.ObjectID == "" {
		a.ObjectID = derivedGUID("object " + strings.ToLower(a.ClientID))
	}
	en.mu.Lock()
	defer en.mu.Unlock()
	en.applications[strings.ToLower(a.ClientID)] = a
	return nil
}

// completed returns the credentials with a default audience, or an error if one is invalid.
func completed(credentials []FederatedCredential, audience string) ([]FederatedCredential, error) {
	credentials = slices.Clone(credentials)
	for i, f := range credentials {
		if f.Issuer == "" || f.Subject == "" {
			return nil, fmt.Errorf("%d: %w: issuer and subject are required", i, ErrInvalid)
		}
		if f.Audience == "" {
			credentials[i].Audience = audience
		}
	}
	return credentials, nil
}

func (en *entra) deleteApplication(clientID string) error {
	en.mu.Lock()
	defer en.mu.Unlock()
	id := strings.ToLower(clientID)
	if _, ok := en.applications[id]; !ok {
		return fmt.Errorf("%w: application %q", ErrNotFound, clientID)
	}
	delete(en.applications, id)
	return nil
}
