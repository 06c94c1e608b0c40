package azure

import (
	"context"
	"errors"
	"time"
)

// Control is what a test can do to an emulator and ask of it. [Emulator] does it
// in process, [AdminClient] to one in a pod, so that a test is written once.
//
// All methods are safe for concurrent use. Bad input is reported as
// [ErrInvalid], something that does not exist as [ErrNotFound].
type Control interface {
	// Apply adds to the emulator's state. It stops at the first bad entry.
	Apply(ctx context.Context, c Config) error
	// DeleteApplication makes Entra ID forget an identity.
	DeleteApplication(ctx context.Context, clientID string) error
	// Revoke takes back a grant that Apply made.
	Revoke(ctx context.Context, g Grant) error

	// CreateCertificate issues the first or a further version.
	CreateCertificate(ctx context.Context, c Certificate) (Version, error)
	// CreateSecret stores the first or a further version.
	CreateSecret(ctx context.Context, s Secret) (Version, error)
	// Renew issues a further version of a certificate from its specification.
	Renew(ctx context.Context, r Renewal) (Version, error)
	// Versions lists the versions of a secret, oldest first.
	Versions(ctx context.Context, ref SecretRef) ([]Version, error)
	// SetEnabled enables or disables one version, or with no version the
	// newest.
	SetEnabled(ctx context.Context, ref SecretRef, enabled bool) error
	// Delete deletes a secret with all its versions.
	Delete(ctx context.Context, ref SecretRef) error

	// InjectFault adds a fault and returns its ID (invented where f has none).
	InjectFault(ctx context.Context, f Fault) (string, error)
	// ClearFaults removes the faults with these IDs, or all faults if the list is empty.
	ClearFaults(ctx context.Context, ids ...string) error
	// CutOff makes a host unreachable (connections are closed before the TLS
	// handshake is done, established ones at their next request) or reachable
	// again.
	CutOff(ctx context.Context, host string, off bool) error

	// Requests returns the logged requests that match, oldest first.
	Requests(ctx context.Context, f Filter) ([]Request, error)
	// Counts counts the logged requests that match.
	Counts(ctx context.Context, f Filter) (Counts, error)
	// Await returns as Requests does as soon as n requests match, or with the
	// context's error.
	Await(ctx context.Context, f Filter, n int) ([]Request, error)
	// ForgetRequests empties the request log.
	ForgetRequests(ctx context.Context) error

	// Roots returns the certificates to trust.
	Roots(ctx context.Context) (Roots, error)
}

// Errors that a Control's methods wrap.
var (
	ErrInvalid  = errors.New("invalid")
	ErrNotFound = errors.New("not found")
)

// SecretRef names a secret, or with Version one version of it.
type SecretRef struct {
	Vault   string `json:"vault"`
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

// Renewal asks for a further version of a certificate.
type Renewal struct {
	Vault string `json:"vault"`
	Name  string `json:"name"`
	// NotBefore and NotAfter default as those of [Certificate] do.
	NotBefore time.Time `json:"notBefore,omitzero"`
	NotAfter  time.Time `json:"notAfter,omitzero"`
	// ReuseKey keeps the private key. Otherwise it differs from that of the
	// version before.
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

	// The rest is empty for a secret that the emulator did not issue.

	// Serial is the leaf's serial number, in lower-case hexadecimal.
	Serial    string    `json:"serial,omitempty"`
	NotBefore time.Time `json:"notBefore,omitzero"`
	NotAfter  time.Time `json:"notAfter,omitzero"`
	// ChainPEM has the certificates of the value, leaf first.
	ChainPEM string `json:"chainPEM,omitempty"`
}

// Roots are the independent trust anchors, in PEM.
type Roots struct {
	// TLS is the CA of the emulator's own https certificates: what a client
	// of Entra ID and Key Vault must trust.
	TLS string `json:"tls"`
	// Issuer is the root of the chains that vaults issue: what a TLS client of
	// an application that serves such a certificate must trust.
	Issuer string `json:"issuer"`
	// TokenProxy is the CA of the proxy of AKS identity bindings.
	TokenProxy string `json:"tokenProxy"`
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
	// Seq numbers the requests of an emulator from 1 in the order in which
	// they were answered.
	Seq       int       `json:"seq"`
	Time      time.Time `json:"time"`
	Duration  Duration  `json:"duration"`
	Service   string    `json:"service"`
	Operation string    `json:"operation"`
	Method    string    `json:"method"`
	Host      string    `json:"host"`
	Path      string    `json:"path"`
	// Status is 0 where a fault closed the connection without an answer.
	Status int `json:"status"`
	// Code is the error's code: an AADSTS number, or Key Vault's inner code if
	// there is one.
	Code string `json:"code,omitempty"`
	// ClientID is that of the assertion's application or the access token.
	ClientID string `json:"clientID,omitempty"`
	// Challenge marks a vault's 401 for a request without a token.
	Challenge bool `json:"challenge,omitempty"`
	// Fault is the ID of the fault that was applied.
	Fault string `json:"fault,omitempty"`
}

// Filter selects requests; every field that is set must match.
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

// Counts are the requests of a log by what they asked for.
type Counts struct {
	// Requests is the number of all requests.
	Requests int `json:"requests"`
	// Tokens, OpenIDDiscovery and InstanceDiscovery are requests to Entra ID.
	Tokens            int `json:"tokens"`
	OpenIDDiscovery   int `json:"openIDDiscovery"`
	InstanceDiscovery int `json:"instanceDiscovery"`
	// SecretGets are GETs of a secret that carried a token; Challenges are
	// requests to a vault that did not.
	SecretGets int `json:"secretGets"`
	Challenges int `json:"challenges"`
}
