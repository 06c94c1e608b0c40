package contract

import (
	"io/fs"
	"log/slog"
	"time"
)

// Mode says where settings are used, which decides what the extension's identity settings mean.
type Mode int

const (
	// Pod gives settings that were pasted from an extension what their author meant: msiEndpoint is
	// ignored with a warning and msiClientId is the federated client ID, unless the credential is
	// managed-identity; ACL entries by name are ignored with a warning; requireInitialSync defaults to true.
	Pod Mode = iota
	// Host does as the extension does.
	Host
)

// Rules are what Validate needs to know beside the settings.
type Rules struct {
	Mode Mode
	// AllowedVaults are the DNS suffixes that a vault's host must be under; nil stands for DefaultVaultSuffixes.
	AllowedVaults []string
	// NoCertificates accepts settings that observe none: those of a sidecar that serves the metadata endpoint alone.
	NoCertificates bool
}

// Config is what settings come to: complete, checked, every default filled in. Only Validate makes one.
type Config struct {
	Certificates       []Certificate
	PollingInterval    time.Duration
	RequireInitialSync bool
	Port               int // 0: DefaultPort, or the next free one
	LogLevel           slog.Level
	// KeystorePasswordFile is empty where DefaultKeystorePass is used.
	KeystorePasswordFile string
	// Reload.Signal is in the form "SIGHUP", or a real-time signal's number (see SignalNumber).
	Reload Reload
	// Credential is CredentialWorkloadIdentity or CredentialManagedIdentity.
	Credential string
	// MSIEndpoint is set with CredentialManagedIdentity only, without a trailing /oauth2/token.
	MSIEndpoint string
	// Logging is empty, or complete with Endpoint in the form tcp://<host>:<port>.
	Logging Logging
}

// Certificate is one observed certificate.
type Certificate struct {
	// URL is the secret's URL as it was written.
	URL string
	// VaultURL is its scheme and host, in lower case, so that one vault has one spelling.
	VaultURL string
	// VaultName is the first label of the host, spelt as in the URL.
	VaultName string
	// Name is the secret's name; Version is empty where the newest is followed.
	Name    string
	Version string
	// Store is the directory that the certificate is kept in.
	Store string
	// LinkName is customSymbolicLinkName, or "<VaultName>.<Name>".
	// It is unique in its store.
	LinkName string
	// Mode are the files' permission bits.
	Mode fs.FileMode
	// ACLs are those that hold: a number, or on a host also a name (see ParseID).
	ACLs []ACL
	// Formats has at least one element, each once, in the order pem, split, pkcs12, jks.
	Formats []string
	// ClientID and TenantID are empty where the pod's own identity is used. authenticationSettings.msiClientId
	// has been filled in where the entry has no clientId.
	ClientID string
	TenantID string
}

// FileName returns the name that files of the certificate begin with: "<VaultName>.<Name>".
func (c Certificate) FileName() string { return c.VaultName + "." + c.Name }
