package contract

import "time"

// Settings has the schema of the settings of the Key Vault VM extensions for Linux and Windows,
// versions 3 and 4, with additions of this project. For fields of one system, see System. A nil
// pointer or zero value is a setting that is absent; Validate fills in the defaults. Fields with
// the tag from:"number" accept a number in JSON, too.
//
// Source:
// https://learn.microsoft.com/azure/virtual-machines/extensions/key-vault-linux#extension-schema,
// https://learn.microsoft.com/azure/virtual-machines/extensions/key-vault-windows#extension-schema
type Settings struct {
	SecretsManagement SecretsManagement `json:"secretsManagementSettings"`
	Authentication    Authentication    `json:"authenticationSettings,omitzero"`
	Logging           Logging           `json:"loggingSettings,omitzero"`
}

// SecretsManagement lists the certificates to sync, and says how to store them.
type SecretsManagement struct {
	// PollingInterval is read from a number or a string of digits, and written as a string.
	PollingInterval Seconds `json:"pollingIntervalInS,omitzero"`
	// RequireInitialSync delays readiness until the first sync succeeds.
	RequireInitialSync *bool `json:"requireInitialSync,omitempty"`
	// CertificateStoreLocation is the default for the entries.
	CertificateStoreLocation string `json:"certificateStoreLocation,omitempty"`
	// CertificateStoreName is the default for the entries on Windows, as in version 1 of the
	// extension. On Linux it is accepted and ignored, as in the extension.
	CertificateStoreName string `json:"certificateStoreName,omitempty"`
	// ACLEnabled can be false for the acls of the entries not to apply. Version 4 of the extension
	// does not have it.
	ACLEnabled *bool `json:"aclEnabled,omitempty" system:"linux"`
	// LinkOnRenewal can be false on Windows for a renewed certificate not to be linked to its
	// successor. On Linux it has no effect, as in the extension.
	LinkOnRenewal *bool `json:"linkOnRenewal,omitempty"`

	// The following keys are additions of this project.

	// FileMode is permission bits in octal, such as "0640".
	FileMode string `json:"fileMode,omitempty" system:"linux"`
	// Readers can read the files of certificates without acls if FileMode is absent: user numbers,
	// ReadersGroup or ReadersEveryone. The webhook sets it by the users of the pod's containers.
	Readers []string `json:"readers,omitempty" from:"number" system:"linux"`
	// Port is the HTTP port of the sidecar: from 1024 in a pod, from 1 on a host.
	Port int `json:"port,omitempty"`
	// LogLevel is debug, info, warn or error.
	LogLevel string `json:"logLevel,omitempty"`
	// KeystorePasswordFile is the absolute path of a file with the password of keystores.
	KeystorePasswordFile string `json:"keystorePasswordFile,omitempty" system:"linux"`
	// Formats is the default for the entries.
	Formats []string `json:"formats,omitempty" system:"linux"`
	Reload  Reload   `json:"reload,omitzero"`

	ObservedCertificates []ObservedCertificate `json:"observedCertificates,omitempty"`
}

// Seconds is a duration that is encoded in whole seconds.
type Seconds time.Duration

// Reload says how to notify the app after a renewal: by a signal, by an HTTP request, or both.
type Reload struct {
	// Signal is a name or number: see SignalNumber.
	Signal string `json:"signal,omitempty" from:"number" system:"linux"`
	// Process is the name of the process that receives the signal, as in /proc/<pid>/comm.
	Process string `json:"process,omitempty" system:"linux"`
	// URL is on a loopback address.
	URL string `json:"url,omitempty"`
}

// ObservedCertificate is an entry of observedCertificates: an object, or only its URL as a string.
type ObservedCertificate struct {
	URL                      string   `json:"url"`
	CertificateStoreLocation string   `json:"certificateStoreLocation,omitempty"`
	CertificateStoreName     string   `json:"certificateStoreName,omitempty"`
	CustomSymbolicLinkName   string   `json:"customSymbolicLinkName,omitempty" system:"linux"`
	ACLs                     []ACL    `json:"acls,omitempty" system:"linux"`
	Formats                  []string `json:"formats,omitempty" system:"linux"`
	ClientID                 string   `json:"clientId,omitempty"`
	TenantID                 string   `json:"tenantId,omitempty"`

	AuthenticationOverride AuthenticationOverride `json:"authenticationOverride,omitzero"`

	// KeyExportable and Accounts are of version 3 of the extension for Windows: see WindowsKey.
	KeyExportable *bool    `json:"keyExportable,omitempty" system:"windows"`
	Accounts      []string `json:"accounts,omitempty" system:"windows"`
}

// AuthenticationOverride selects the identity for one certificate, in version 4 of the extension.
type AuthenticationOverride struct {
	MSIClientID string `json:"msiClientId,omitempty"`
}

// ACL grants a user, a group or both read access to the files. Each is a name or a number.
type ACL struct {
	User  string `json:"user,omitempty" from:"number"`
	Group string `json:"group,omitempty" from:"number"`
}

// Authentication selects the identity. The mode Pod gives MSIEndpoint and MSIClientID another
// meaning than the extension.
type Authentication struct {
	MSIEndpoint string `json:"msiEndpoint,omitempty"`
	MSIClientID string `json:"msiClientId,omitempty"`
	// Credential is CredentialWorkloadIdentity or CredentialManagedIdentity (an addition of this
	// project).
	Credential string `json:"credential,omitempty"`
}

// Values of Authentication.Credential.
const (
	CredentialWorkloadIdentity = "workload-identity"
	CredentialManagedIdentity  = "managed-identity"
)

// Logging forwards the log to fluentd.
type Logging struct {
	Logger      string `json:"logger,omitempty"`
	Endpoint    string `json:"endpoint,omitempty"`
	Format      string `json:"format,omitempty"`
	ServiceName string `json:"servicename,omitempty"`
}

// Defaults and limits of the settings.
const (
	DefaultPollingInterval = 3600 * time.Second
	MinPollingInterval     = 10 * time.Second
	// MaxPollingInterval is well below the usual time between a renewal and the expiry.
	MaxPollingInterval   = 7 * 24 * time.Hour
	DefaultStoreLocation = "/var/lib/waagent/Microsoft.Azure.KeyVault.Store"
	DefaultKeystorePass  = "changeit"
)

// Values of Readers other than user numbers: the group of the store's files, and everyone.
const (
	ReadersGroup    = "group"
	ReadersEveryone = "everyone"
)

// Values of Formats.
const (
	FormatPEM    = "pem"
	FormatSplit  = "split"
	FormatPKCS12 = "pkcs12"
	FormatJKS    = "jks"
	// FormatKeyID is the layout of version 4 of the Key Vault VM extension.
	FormatKeyID = "keyid"
)
