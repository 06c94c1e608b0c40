package contract

import "time"

// Status is the state of a running sidecar: the output of "certsync status -o json", which the
// kubectl plugin reads. New fields may be added; readers ignore those that they do not know.
type Status struct {
	// SidecarVersion is the version of the running process.
	SidecarVersion string `json:"sidecarVersion"`
	// Time is when the sync loop last reported.
	Time time.Time `json:"time"`
	// State is "transitioning", "success" or "error", Reason the explanation in one line.
	State  string `json:"state"`
	Ready  bool   `json:"ready"`
	Reason string `json:"reason"`
	// Certificates are in the order of the settings.
	Certificates []CertificateStatus `json:"certificates"`
}

// CertificateStatus is the state of one certificate.
type CertificateStatus struct {
	// URL is the URL of the Key Vault secret, Path the file or link in the store.
	URL  string `json:"url"`
	Path string `json:"path"`
	// State is "transitioning", "success" or "error".
	State string `json:"state"`
	// Version is the version in the store. It is empty, and the times are absent, if there is none.
	Version     string     `json:"version,omitempty"`
	NotBefore   *time.Time `json:"notBefore,omitempty"`
	NotAfter    *time.Time `json:"notAfter,omitempty"`
	LastSuccess *time.Time `json:"lastSuccess,omitempty"`
	// WaitingVersion is a newer version that is installed when it becomes valid.
	WaitingVersion string `json:"waitingVersion,omitempty"`
	// Failure is the last failure, unless a success followed it.
	Failure  *Failure `json:"failure,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	// Chain are the certificates in the store in PEM, if they were requested. It never has a key.
	Chain string `json:"chain,omitempty"`
}

// Failure is why a certificate could not be fetched or stored.
type Failure struct {
	Time time.Time `json:"time"`
	// Reason is one of the constants Reason....
	Reason string `json:"reason"`
	// Message says what failed and what to do.
	Message string `json:"message"`
	// Host is the host that did not respond, with ReasonUnreachable and ReasonThrottled.
	Host string `json:"host,omitempty"`
	// Code is the error code of Entra ID, such as "AADSTS700213", or of Key Vault, such as
	// "ForbiddenByRbac", if there is one.
	Code string `json:"code,omitempty"`
	// ClientID is the identity that was refused, if known.
	ClientID string `json:"clientId,omitempty"`
	// Token has the claims that Entra ID compares with federated credentials, if it refused them.
	Token *TokenClaims `json:"token,omitempty"`
}

// TokenClaims are claims of the pod's service-account token. They are not secret.
type TokenClaims struct {
	Issuer   string `json:"issuer"`
	Subject  string `json:"subject"`
	Audience string `json:"audience"`
}

// Reasons of a Failure. Their number is bounded: they are also the label "reason" of metrics.
const (
	ReasonForbidden   = "forbidden"   // the vault does not allow the identity to read
	ReasonNotFound    = "not_found"   // the secret or version does not exist
	ReasonDisabled    = "disabled"    // the version is disabled
	ReasonThrottled   = "throttled"   // the service requests a pause
	ReasonUnreachable = "unreachable" // no response
	ReasonNoToken     = "no_token"    // Entra ID or the metadata service does not issue a token
	ReasonNoTokenFile = "no_file"     // the pod does not have a service-account token, or no identity
	ReasonInvalid     = "invalid"     // the secret is not a usable certificate
	ReasonStore       = "store"       // the files cannot be written
	ReasonOther       = "other"
)

// FailureReasons returns all reasons.
func FailureReasons() []string {
	return []string{
		ReasonForbidden, ReasonNotFound, ReasonDisabled, ReasonThrottled, ReasonUnreachable,
		ReasonNoToken, ReasonNoTokenFile, ReasonInvalid, ReasonStore, ReasonOther,
	}
}

// PathDetails is the path of Status on the socket. It is not served on the port.
const PathDetails = "/details"

// Commands of the sidecar that query the running process.
const (
	CommandStatus = "status"
	CommandSync   = "sync"
)
