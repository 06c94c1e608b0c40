package contract

import "time"

// Settings are those of the Key Vault VM extension for Linux, v3, as they are written, with the
// additions of this project. A nil pointer or empty value is a setting that was not given; Validate
// fills in the defaults.
//
// Source: https://learn.microsoft.com/azure/virtual-machines/extensions/key-vault-linux#extension-schema
type Settings struct {
	SecretsManagement SecretsManagement `json:"secretsManagementSettings"`
	Authentication    Authentication    `json:"authenticationSettings,omitzero"`
	Logging           Logging           `json:"loggingSettings,omitzero"`
}

// SecretsManagement says which certificates are kept where, and how.
type SecretsManagement struct {
	// PollingInterval is pollingIntervalInS, in whole seconds; zero when not given. It is read from a
	// number or a string of digits, and written as a string, as the extension's documents do.
	PollingInterval Seconds `json:"pollingIntervalInS,omitzero"`
	// RequireInitialSync gates readiness on the first sync.
	RequireInitialSync *bool `json:"requireInitialSync,omitempty"`
	// CertificateStoreLocation is the default of the entries.
	CertificateStoreLocation string `json:"certificateStoreLocation,omitempty"`
	// CertificateStoreName is accepted and ignored, as the extension does on Linux.
	CertificateStoreName string `json:"certificateStoreName,omitempty"`
	ACLEnabled           *bool  `json:"aclEnabled,omitempty"`
	LinkOnRenewal        *bool  `json:"linkOnRenewal,omitempty"`

	// Additions of this project.
	FileMode string `json:"fileMode,omitempty"` // octal: "0640"
	// Readers may read the files of certificates about which neither FileMode nor acls say who may: user numbers,
	// ReadersGroup, ReadersEveryone. The webhook gives them, by what users the pod's containers have.
	Readers              []string `json:"readers,omitempty" from:"number"`
	Port                 int      `json:"port,omitempty"`
	LogLevel             string   `json:"logLevel,omitempty"` // debug, info, warn, error
	KeystorePasswordFile string   `json:"keystorePasswordFile,omitempty"`
	Formats              []string `json:"formats,omitempty"` // default of the entries
	Reload               Reload   `json:"reload,omitzero"`

	ObservedCertificates []ObservedCertificate `json:"observedCertificates,omitempty"`
}

// Seconds is a duration that is written in whole seconds.
type Seconds time.Duration

// Reload is what is done after a renewal.
type Reload struct {
	Signal  string `json:"signal,omitempty"`
	Process string `json:"process,omitempty"`
	URL     string `json:"url,omitempty"`
}

// ObservedCertificate is an entry of observedCertificates: a URL string, or an object.
type ObservedCertificate struct {
	URL                      string   `json:"url"`
	CertificateStoreLocation string   `json:"certificateStoreLocation,omitempty"`
	CertificateStoreName     string   `json:"certificateStoreName,omitempty"`
	CustomSymbolicLinkName   string   `json:"customSymbolicLinkName,omitempty"`
	ACLs                     []ACL    `json:"acls,omitempty"`
	Formats                  []string `json:"formats,omitempty"`
	ClientID                 string   `json:"clientId,omitempty"`
	TenantID                 string   `json:"tenantId,omitempty"`
}

// ACL names a user, a group, or both, by name or number, that may read the certificate's files.
type ACL struct {
	User  string `json:"user,omitempty" from:"number"`
	Group string `json:"group,omitempty" from:"number"`
}

// Authentication selects the identity. MSIEndpoint and MSIClientID are the extension's; in a pod
// their meaning is that of Rules.Mode Pod.
type Authentication struct {
	MSIEndpoint string `json:"msiEndpoint,omitempty"`
	MSIClientID string `json:"msiClientId,omitempty"`
	// Credential is CredentialWorkloadIdentity or CredentialManagedIdentity (an addition of this project).
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

// Defaults of the settings.
const (
	DefaultPollingInterval = 3600 * time.Second
	MinPollingInterval     = 10 * time.Second
	// MaxPollingInterval is well below the time that is usual between a renewal and the expiry.
	MaxPollingInterval   = 7 * 24 * time.Hour
	DefaultStoreLocation = "/var/lib/waagent/Microsoft.Azure.KeyVault.Store"
	DefaultKeystorePass  = "changeit"
)

// Values of Readers beside user numbers: the group that the store's files belong to, and everybody.
const (
	ReadersGroup    = "group"
	ReadersEveryone = "everyone"
)

// Formats that a certificate is written in.
const (
	FormatPEM    = "pem"
	FormatSplit  = "split"
	FormatPKCS12 = "pkcs12"
	FormatJKS    = "jks"
)
