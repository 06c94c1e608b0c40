package contract

import (
	"io/fs"
	"log/slog"
	"slices"
	"time"
)

// Mode is where settings are used. It decides how Validate interprets the settings of the
// extension.
type Mode int

const (
	// Pod makes settings of the extension work in a pod with the identity of the pod. Unless the
	// credential is managed-identity, msiEndpoint is ignored with a warning and msiClientId is the
	// client ID of the federated identity. ACL entries by name are ignored with a warning.
	// requireInitialSync defaults to true.
	Pod Mode = iota
	// Host interprets settings as the extension does: the credential defaults to managed-identity
	// and requireInitialSync to false.
	Host
	// Windows interprets settings as the extension for Windows does. Apart from the stores, it is
	// like Host.
	Windows
)

// Text returns the text for people in this mode: pods have annotations and chart values, hosts do
// not.
func (m Mode) Text(pod, host string) string {
	if m == Pod {
		return pod
	}
	return host
}

// Rules are the inputs of Validate other than the settings.
type Rules struct {
	Mode Mode
	// AllowedVaults are the DNS suffixes of allowed vaults, such as "vault.azure.net"; nil means
	// DefaultVaultSuffixes. Case and a leading "*." or "." do not matter.
	AllowedVaults []string
	// NoCertificates allows settings without certificates: those of a sidecar that only serves the
	// metadata endpoint.
	NoCertificates bool
}

// Config is the result of Validate: checked settings with all defaults filled in.
type Config struct {
	// Certificates are in the order of observedCertificates, without duplicate entries.
	Certificates []Certificate
	// PollingInterval is the time between two polls, in whole seconds and without jitter.
	PollingInterval    time.Duration
	RequireInitialSync bool
	// Port is the HTTP port of the sidecar. Zero means DefaultPort, or the next free port.
	Port     int
	LogLevel slog.Level
	// KeystorePasswordFile is an absolute path. Empty means that the password is
	// DefaultKeystorePass.
	KeystorePasswordFile string
	// Reload has its Signal in the form "SIGHUP", or as the number of a real-time signal. See
	// SignalNumber.
	Reload Reload
	// Credential is CredentialWorkloadIdentity or CredentialManagedIdentity.
	Credential string
	// MSIEndpoint is only set for CredentialManagedIdentity. It has no trailing /oauth2/token.
	MSIEndpoint string
	// Logging is empty, or complete with an Endpoint of the form tcp://<host>:<port> or
	// unix://<absolute path>.
	Logging Logging
}

// Certificate is one observed certificate.
type Certificate struct {
	// URL is the URL of the Key Vault secret, in the same form for all spellings of the settings.
	URL string
	// VaultURL is the scheme and host of URL in lower case, so that it is the same for all
	// certificates of a vault.
	VaultURL string
	// VaultName is the first label of the host, spelled as in the settings.
	VaultName string
	// Name is the name of the secret.
	Name string
	// Version is empty if the newest version is followed.
	Version string
	// Store is the directory for the files: an absolute, clean path. On Windows it is the location
	// and the name of a certificate store, as in LocalMachine\MY.
	Store string
	// LinkName is customSymbolicLinkName or, by default, FileName. It is unique in its store.
	LinkName string
	// Mode is the permission bits of the files.
	Mode fs.FileMode
	// ACLs grant read access to users and groups by number, on a host also by name. See ParseID.
	ACLs []ACL
	// Formats has at least one element, except on Windows, and no duplicates, in the order pem,
	// split, pkcs12, jks, keyid.
	Formats []string
	// ClientID is authenticationOverride.msiClientId or clientId of the entry, by default
	// msiClientId. Empty means the default identity of the pod or host.
	ClientID string
	// TenantID is the tenantId of the entry. Empty means the default tenant.
	TenantID string
	// Windows is empty for the other modes.
	Windows WindowsKey
}

// HasKeystore reports whether the certificate is also written as a PKCS #12 or JKS keystore.
func (c Certificate) HasKeystore() bool {
	return slices.Contains(c.Formats, FormatPKCS12) || slices.Contains(c.Formats, FormatJKS)
}

// FileName returns the first part of the names of the certificate's files: "<VaultName>.<Name>".
func (c Certificate) FileName() string { return c.VaultName + "." + c.Name }

// Place returns where the certificate is, for people: the path of its link, or its name in a store
// of Windows.
func (c Certificate) Place() string { return placeIn(c.Store, c.LinkName) }

// InSystemStore reports whether the certificate is for a certificate store of Windows.
func (c Certificate) InSystemStore() bool { return isSystemStore(c.Store) }

func placeIn(store, name string) string {
	if isSystemStore(store) {
		return store + " as " + name
	}
	return store + "/" + name
}
