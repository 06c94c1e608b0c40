package azure

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Config is state to add to an emulator: the content of the --config file and the input of
// [Control.Apply]. An issuer, application or vault replaces the one of the same name, but a vault
// keeps its secrets and grants. A certificate or secret becomes a new version. Everything else
// stays.
type Config struct {
	// Tokens, if present, replaces the settings for access tokens.
	Tokens *Tokens `json:"tokens,omitempty"`
	// Issuers are the token issuers (clusters) whose keys Entra ID can reach.
	Issuers []Issuer `json:"issuers,omitempty"`
	// Applications are app registrations or user-assigned identities.
	Applications []Application `json:"applications,omitempty"`
	// TokenProxies are TLS server names of the proxy of AKS identity bindings.
	TokenProxies []string `json:"tokenProxies,omitempty"`
	// Vaults, Grants, Certificates and Secrets are the contents of Key Vault.
	Vaults       []Vault       `json:"vaults,omitempty"`
	Grants       []Grant       `json:"grants,omitempty"`
	Certificates []Certificate `json:"certificates,omitempty"`
	Secrets      []Secret      `json:"secrets,omitempty"`
	// Faults are injected in the order given.
	Faults []Fault `json:"faults,omitempty"`
}

// Tokens contains the settings for access tokens.
type Tokens struct {
	// Lifetime is the response's expires_in; 0 means one hour.
	Lifetime Duration `json:"lifetime,omitempty"`
	// RefreshIn is the response's refresh_in; 0 omits it.
	RefreshIn Duration `json:"refreshIn,omitempty"`
}

// Issuer is an OpenID Connect issuer of client assertions. Its keys are given (JWKS) or fetched
// when needed (JWKSURL). With neither, Entra ID returns AADSTS90061, as for an issuer that it
// cannot reach.
type Issuer struct {
	// URL is the "iss" claim, compared exactly.
	URL string `json:"url"`
	// JWKS is a JSON Web Key Set, e.g. a cluster's /openid/v1/jwks.
	JWKS json.RawMessage `json:"jwks,omitempty"`
	// JWKSURL is fetched at the first use and again for an unknown key ID.
	JWKSURL string `json:"jwksURL,omitempty"`
	// CAFile contains PEM certificates and TokenFile a bearer token for JWKSURL. Both are read at
	// each fetch.
	CAFile    string `json:"caFile,omitempty"`
	TokenFile string `json:"tokenFile,omitempty"`
}

// Application is an identity in one tenant.
type Application struct {
	ClientID string `json:"clientID"`
	Tenant   string `json:"tenant"`
	// ObjectID is the "oid" of its tokens; derived from ClientID when empty.
	ObjectID string `json:"objectID,omitempty"`
	// FederatedCredentials are at most 20, as in Entra ID.
	FederatedCredentials []FederatedCredential `json:"federatedCredentials,omitempty"`
	// IdentityBindings are the credentials that the proxy of AKS identity bindings accepts instead.
	// Their audience defaults to api://AKSIdentityBinding.
	IdentityBindings []FederatedCredential `json:"identityBindings,omitempty"`
}

// FederatedCredential is what an assertion must carry, compared exactly.
type FederatedCredential struct {
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`
	// Audience defaults to api://AzureADTokenExchange.
	Audience string `json:"audience,omitempty"`
}

// Vault is one Key Vault.
type Vault struct {
	// Host is the full host name, e.g. example.vault.azure.net. The suffix selects the cloud. The
	// comparison ignores case.
	Host string `json:"host"`
	// Tenant is the tenant in the challenge, and the one whose tokens are accepted.
	Tenant string `json:"tenant"`
	// Denial is the inner code of the error for callers without a grant: ForbiddenByRbac (default),
	// ForbiddenByPolicy or AccessDenied.
	Denial string `json:"denial,omitempty"`
	// Firewall denies every caller with ForbiddenByFirewall.
	Firewall bool `json:"firewall,omitempty"`
	// Limit throttles authenticated GETs; nil means no limit.
	Limit *Limit `json:"limit,omitempty"`
}

// Limit allows Gets requests in each Window, which begins with the first request. Further requests
// get status 429.
type Limit struct {
	Gets   int      `json:"gets"`
	Window Duration `json:"window"`
	// RetryAfter is sent in whole seconds if it is positive. Key Vault often omits it.
	RetryAfter Duration `json:"retryAfter,omitempty"`
}

// Grant is the role "Key Vault Secrets User" for one identity.
type Grant struct {
	Vault    string `json:"vault"`
	ClientID string `json:"clientID"`
	// Secret restricts the role to one secret; empty means the whole vault.
	Secret string `json:"secret,omitempty"`
}

// Key types of a [Certificate].
const (
	ECP256  = "EC-P256"
	ECP384  = "EC-P384"
	RSA2048 = "RSA-2048"
	RSA4096 = "RSA-4096"
)

// Encodings of a [Certificate].
const (
	PKCS12AES  = "pkcs12-aes"  // PBES2 with AES-256 (default)
	PKCS12DES  = "pkcs12-3des" // PBE with 3DES
	PKCS12RC2  = "pkcs12-rc2"  // PBE with 40-bit RC2 for the certificates, 3DES for the key
	PEMEncoded = "pem"
)

// Orders of the certificates in a [Certificate]'s value.
const (
	OrderKeyVault  = ""           // root to leaf in PKCS #12, leaf to root in PEM
	OrderLeafFirst = "leaf-first" // common for imported certificates
	OrderRootFirst = "root-first"
	OrderShuffled  = "shuffled" // leaf in the middle; needs three certificates or more
)

// Certificate is a certificate that the vault issues, with a new key and serial number for every
// version. For an imported certificate, use [Secret] with Managed.
type Certificate struct {
	Vault string `json:"vault"`
	Name  string `json:"name"`
	// CommonName defaults to Name. DNSNames and IPAddresses are the subject's
	// alternative names.
	CommonName  string   `json:"commonName,omitempty"`
	DNSNames    []string `json:"dnsNames,omitempty"`
	IPAddresses []string `json:"ipAddresses,omitempty"`
	// Key is one of the key types; EC-P256 when empty.
	Key string `json:"key,omitempty"`
	// Chain is the number of certificates from leaf to root, 1 (self-signed)
	// to 4; 0 means 3. OmitRoot leaves the root out of the value.
	Chain    int  `json:"chain,omitempty"`
	OmitRoot bool `json:"omitRoot,omitempty"`
	// Encoding and Order are values of the lists above.
	Encoding string `json:"encoding,omitempty"`
	Order    string `json:"order,omitempty"`
	// NonExportable leaves the private key out of the value.
	NonExportable bool `json:"nonExportable,omitempty"`
	// NotBefore defaults to ten minutes ago, as in Key Vault, and NotAfter to one year after
	// NotBefore.
	NotBefore time.Time `json:"notBefore,omitzero"`
	NotAfter  time.Time `json:"notAfter,omitzero"`
	// Disabled creates the version in the disabled state.
	Disabled bool `json:"disabled,omitempty"`
}

// Secret is a value that is stored unchanged. If the secret exists, it gets a new version.
type Secret struct {
	Vault       string `json:"vault"`
	Name        string `json:"name"`
	Value       string `json:"value"`
	ContentType string `json:"contentType,omitempty"`
	// Managed gives it the attributes of an imported certificate's secret.
	Managed   bool      `json:"managed,omitempty"`
	NotBefore time.Time `json:"notBefore,omitzero"`
	NotAfter  time.Time `json:"notAfter,omitzero"`
	Disabled  bool      `json:"disabled,omitempty"`
}

// ParseConfig reads a Config from JSON. An unknown key or anything after the
// object is an error.
func ParseConfig(data []byte) (Config, error) {
	var c Config
	if err := decodeStrict(bytes.NewReader(data), &c); err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	return c, nil
}

// decodeStrict reads exactly one JSON value without unknown keys into v.
func decodeStrict(r io.Reader, v any) error {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("unexpected data after the first JSON value")
	}
	return nil
}

// Duration is a time.Duration that JSON writes as a string such as "1m30s".
type Duration time.Duration

// MarshalText writes the duration in the form of [time.Duration.String].
func (d Duration) MarshalText() ([]byte, error) {
	return []byte(time.Duration(d).String()), nil
}

// UnmarshalText reads what [time.ParseDuration] reads, except negative durations.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return err
	}
	if v < 0 {
		return fmt.Errorf("duration %q is negative", text)
	}
	*d = Duration(v)
	return nil
}
