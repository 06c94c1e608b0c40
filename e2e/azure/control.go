package azure

import (
	"context"
	"errors"
	"time"
)

// Control changes and queries an emulator. [Emulator] implements it in process, and [AdminClient]
// for an emulator in a pod, so the same test can use both.
//
// All methods are safe for concurrent use. They return [ErrInvalid] for invalid input, and
// [ErrNotFound] for something that does not exist.
type Control interface {
	// Apply adds to the emulator's state. It stops at the first invalid entry.
	Apply(ctx context.Context, c Config) error
	// DeleteApplication deletes an identity from Entra ID.
	DeleteApplication(ctx context.Context, clientID string) error
	// Revoke removes a grant.
	Revoke(ctx context.Context, g Grant) error

	// CreateCertificate issues the first or a new version.
	CreateCertificate(ctx context.Context, c Certificate) (Version, error)
	// CreateSecret stores the first or a new version.
	CreateSecret(ctx context.Context, s Secret) (Version, error)
	// Renew issues a new version of a certificate from its specification.
	Renew(ctx context.Context, r Renewal) (Version, error)
	// Versions lists the versions of a secret, oldest first.
	Versions(ctx context.Context, ref SecretRef) ([]Version, error)
	// SetEnabled enables or disables one version, or the newest if none is given.
	SetEnabled(ctx context.Context, ref SecretRef, enabled bool) error
	// Delete deletes a secret with all its versions.
	Delete(ctx context.Context, ref SecretRef) error

	// InjectFault adds a fault and returns its ID. If f has no ID, it creates one.
	InjectFault(ctx context.Context, f Fault) (string, error)
	// ClearFaults removes the faults with these IDs, or all faults if the list is empty.
	ClearFaults(ctx context.Context, ids ...string) error
	// CutOff makes a host unreachable or reachable again. For an unreachable host, new connections
	// are closed before the TLS handshake completes, and established connections at their next
	// request.
	CutOff(ctx context.Context, host string, off bool) error

	// Present makes a host show another TLS certificate: one of the TLS constants, or "" for its
	// own. It applies to new connections; established ones are closed at their next request.
	Present(ctx context.Context, host, certificate string) error

	// Requests returns the logged requests that match, oldest first.
	Requests(ctx context.Context, f Filter) ([]Request, error)
	// Counts counts the logged requests that match.
	Counts(ctx context.Context, f Filter) (Counts, error)
	// Await returns the matching requests when there are n of them, or the context's error.
	Await(ctx context.Context, f Filter, n int) ([]Request, error)
	// ForgetRequests clears the request log.
	ForgetRequests(ctx context.Context) error

	// Roots returns the certificates to trust.
	Roots(ctx context.Context) (Roots, error)

	// Confidential returns the keys and tokens that must not appear in logs and the like.
	Confidential(ctx context.Context) (Confidential, error)
}

// Errors that a Control's methods wrap.
var (
	ErrInvalid  = errors.New("invalid")
	ErrNotFound = errors.New("not found")
)

// SecretRef identifies a secret or, with Version, one version of it.
type SecretRef struct {
	Vault   string `json:"vault"`
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

// Renewal requests a new version of a certificate.
type Renewal struct {
	Vault string `json:"vault"`
	Name  string `json:"name"`
	// NotBefore and NotAfter have the same defaults as in [Certificate].
	NotBefore time.Time `json:"notBefore,omitzero"`
	NotAfter  time.Time `json:"notAfter,omitzero"`
	// ReuseKey keeps the private key. Otherwise the new key differs from that of the previous
	// version.
	ReuseKey bool `json:"reuseKey,omitempty"`
	// Disabled creates the version disabled.
	Disabled bool `json:"disabled,omitempty"`
}

// Version is one version of a secret.
type Version struct {
	// URL is the versioned secret URL, Version its last element: 32
	// hexadecimal digits.
	URL     string    `json:"url"`
	Vault   string    `json:"vault"`
	Name    string    `json:"name"`
	Version string    `json:"version"`
	Enabled bool      `json:"enabled"`
	Created time.Time `json:"created"`

	// The following fields are empty for a secret that the emulator did not issue.

	// Serial is the leaf's serial number, in lower-case hexadecimal.
	Serial    string    `json:"serial,omitempty"`
	NotBefore time.Time `json:"notBefore,omitzero"`
	NotAfter  time.Time `json:"notAfter,omitzero"`
	// ChainPEM contains the certificates of the value, leaf first.
	ChainPEM string `json:"chainPEM,omitempty"`
}

// Roots are the independent trust anchors, in PEM.
type Roots struct {
	// TLS is the CA of the emulator's HTTPS certificates. A client of Entra ID and Key Vault must
	// trust it.
	TLS string `json:"tls"`
	// Issuer is the root of the chains that vaults issue. A TLS client of an application that
	// serves such a certificate must trust it.
	Issuer string `json:"issuer"`
	// TokenProxy is the CA of the proxy of AKS identity bindings.
	TokenProxy string `json:"tokenProxy"`
}

// TLS certificates for [Control.Present].
const (
	TLSWrongName = "wrong-name" // for another host name
	TLSExpired   = "expired"    // since an hour ago
	TLSUntrusted = "untrusted"  // of another CA
)

// Confidential is what the emulator has issued and received that nobody else may see, oldest first.
// Lists only grow, so that a caller can continue where it was.
type Confidential struct {
	// Keys are the private keys of the certificates, each once (PKCS #8).
	Keys [][]byte `json:"keys"`
	// Values are those of the certificates' secrets.
	Values []string `json:"values"`
	// Tokens are the assertions in token requests, each once, and the access tokens.
	Tokens []string `json:"tokens"`
}

// Services of a [Request].
const (
	ServiceEntra      = "entra"
	ServiceTokenProxy = "token-proxy"
	ServiceKeyVault   = "keyvault"
)

// Operations of a [Request].
const (
	OpToken             = "token"
	OpOpenIDDiscovery   = "openid-discovery"
	OpInstanceDiscovery = "instance-discovery"
	OpKeys              = "keys"
	OpGetSecret         = "get-secret"
	OpListVersions      = "list-versions"
	OpOther             = "other"
)

// Request is one request that reached a service.
type Request struct {
	// Seq numbers the requests of an emulator from 1, in the order of the responses.
	Seq       int       `json:"seq"`
	Time      time.Time `json:"time"`
	Duration  Duration  `json:"duration"`
	Service   string    `json:"service"`
	Operation string    `json:"operation"`
	Method    string    `json:"method"`
	Host      string    `json:"host"`
	Path      string    `json:"path"`
	// Status is 0 if a fault closed the connection without a response.
	Status int `json:"status"`
	// Code is the error's code: an AADSTS number, or a code of Key Vault (the inner one if it
	// exists).
	Code string `json:"code,omitempty"`
	// ClientID is the client ID of the assertion's application or of the access token.
	ClientID string `json:"clientID,omitempty"`
	// Challenge marks a vault's 401 response to a request without a token.
	Challenge bool `json:"challenge,omitempty"`
	// Fault is the ID of the fault that was applied.
	Fault string `json:"fault,omitempty"`
}

// Filter selects requests. Every field that is set must match.
type Filter struct {
	// After selects the requests with a greater Seq.
	After     int    `json:"after,omitempty"`
	Service   string `json:"service,omitempty"`
	Operation string `json:"operation,omitempty"`
	Host      string `json:"host,omitempty"`
	// PathPrefix matches the beginning of the path.
	PathPrefix string `json:"pathPrefix,omitempty"`
	Status     int    `json:"status,omitempty"`
	ClientID   string `json:"clientID,omitempty"`
}

// Counts are the numbers of logged requests by kind.
type Counts struct {
	// Requests is the number of all requests.
	Requests int `json:"requests"`
	// Tokens, OpenIDDiscovery and InstanceDiscovery are requests to Entra ID.
	Tokens            int `json:"tokens"`
	OpenIDDiscovery   int `json:"openIDDiscovery"`
	InstanceDiscovery int `json:"instanceDiscovery"`
	// SecretGets are GETs of a secret with a token. Challenges are requests to a vault without a
	// token.
	SecretGets int `json:"secretGets"`
	Challenges int `json:"challenges"`
}
