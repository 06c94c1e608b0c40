package contract

// Identity: the contract of Azure Workload Identity v1.6.0.
//
// Source: https://azure.github.io/azure-workload-identity/docs/topics/service-account-labels-and-annotations.html
const (
	// IdentityPrefix begins the label and the annotations of Azure Workload Identity.
	IdentityPrefix = "azure.workload.identity/"

	// LabelUse on a pod, with the value "true", opts it in. The webhook's objectSelector matches it.
	LabelUse = IdentityPrefix + "use"

	// AnnotationClientID and AnnotationTenantID on a service account name the application or managed
	// identity, and its tenant.
	AnnotationClientID = IdentityPrefix + "client-id"
	AnnotationTenantID = IdentityPrefix + "tenant-id"

	// AnnotationTokenExpiration on a pod or service account is the lifetime of the projected token in seconds.
	AnnotationTokenExpiration = IdentityPrefix + "service-account-token-expiration"

	// AnnotationSkipContainers on a pod lists container names, separated by semicolons, that get nothing.
	AnnotationSkipContainers = IdentityPrefix + "skip-containers"

	// AnnotationInjectProxySidecar and AnnotationProxySidecarPort on a pod ask for the metadata endpoint.
	AnnotationInjectProxySidecar = IdentityPrefix + "inject-proxy-sidecar"
	AnnotationProxySidecarPort   = IdentityPrefix + "proxy-sidecar-port"
)

// Environment variables that the Azure SDKs read.
const (
	EnvClientID           = "AZURE_CLIENT_ID"
	EnvTenantID           = "AZURE_TENANT_ID"
	EnvFederatedTokenFile = "AZURE_FEDERATED_TOKEN_FILE"
	EnvAuthorityHost      = "AZURE_AUTHORITY_HOST"
)

// Variables that lead the Azure SDKs to a metadata endpoint: the first two to one of App Service's form, the third, in
// SDKs other than Go's, to a metadata service at another host.
//
// Source: https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference and
// @azure/identity, managedIdentityCredential/imdsMsi.ts
const (
	EnvIdentityEndpoint         = "IDENTITY_ENDPOINT"
	EnvIdentityHeader           = "IDENTITY_HEADER"
	EnvPodIdentityAuthorityHost = "AZURE_POD_IDENTITY_AUTHORITY_HOST"
)

// The app's own projected token, as Azure Workload Identity places it.
const (
	DefaultTokenAudience = "api://AzureADTokenExchange"
	// IdentityVolumePrefix begins the name of the app's token volume.
	IdentityVolumePrefix = "azure-workload-identity-reserved-"
	IdentityMountPath    = "/var/run/secrets/azure/wi"
	IdentityTokenFile    = IdentityMountPath + "/token/azure-identity-token"
	// LegacyIdentityMountPath is where Azure Workload Identity before v1.6.0 mounted the token.
	LegacyIdentityMountPath = "/var/run/secrets/azure/tokens"
	// TokenFileName is the token's file name under every mount of it.
	TokenFileName = "azure-identity-token"
)

// Lifetime of a projected token, in seconds.
const (
	DefaultTokenExpiration = 3600
	MinTokenExpiration     = 3600
	MaxTokenExpiration     = 86400
)

// Prefix begins the annotations of certificate sync.
const Prefix = "certsync." + IdentityPrefix

// Annotations of certificate sync, without Prefix: on a pod, its service account or its namespace, and
// as chart defaults. See the reference in docs/ for their values.
const (
	KeyCertificates      = "certificates"
	KeySettings          = "settings"
	KeySettingsConfigMap = "settings-configmap"
	KeyInject            = "inject"
	KeyPollingInterval   = "polling-interval"
	KeyRequireInitial    = "require-initial-sync"
	KeyFormats           = "formats"
	KeyFileMode          = "file-mode"
	KeyPort              = "port"
	KeyLogLevel          = "log-level"
	KeyCredential        = "credential"
	KeyKeystorePassword  = "keystore-password-secret"
	KeyNativeSidecar     = "native-sidecar"
	KeyReloadSignal      = "reload-signal"
	KeyReloadProcess     = "reload-process"
	KeyReloadURL         = "reload-url"
	KeyCPURequest        = "cpu-request"
	KeyMemoryRequest     = "memory-request"
	KeyCPULimit          = "cpu-limit"
	KeyMemoryLimit       = "memory-limit"
)

// Annotations that the webhook writes on a pod, without Prefix.
const (
	KeyInjected       = "injected"
	KeySettingsSource = "settings-source"
	KeySettingsHash   = "settings-hash"
	KeyWarnings       = "warnings"
)

// Containers and volumes that the webhook adds to a pod.
const (
	ContainerName     = "certsync"
	InitContainerName = "certsync-init"
	IMDSContainerName = "certsync-imds-init"

	StoreVolumePrefix  = "certsync-store-"
	TokenVolumeName    = "certsync-token"
	SettingsVolumeName = "certsync-settings"
	RunVolumeName      = "certsync-run"
)

// Paths in the sidecar's container.
const (
	TokenMountPath    = "/var/run/secrets/certsync/token"
	TokenFile         = TokenMountPath + "/" + TokenFileName
	SettingsMountPath = "/etc/certsync"
	SettingsFile      = SettingsMountPath + "/settings.json"
	RunMountPath      = "/run/certsync"
	Socket            = RunMountPath + "/certsync.sock"
)

// Variables of the sidecar's container.
const (
	// EnvSettings holds Settings as Encode writes them. With a settings file it holds what the
	// annotations override in it.
	EnvSettings = "CERTSYNC_SETTINGS"
	// EnvExtraCA holds PEM certificates that are trusted beside the system's.
	EnvExtraCA = "CERTSYNC_EXTRA_CA"
	// EnvAllowedVaults holds the DNS suffixes of vaults, separated by commas.
	EnvAllowedVaults = "CERTSYNC_ALLOWED_VAULTS"
	// EnvMetadataHeader holds what the app's containers have as EnvIdentityHeader; without it there is no
	// metadata endpoint of App Service's form.
	EnvMetadataHeader = "CERTSYNC_METADATA_HEADER"
)

// The metadata endpoint: addresses that the sidecar may listen on for it, each on loopback, and paths.
const (
	// MetadataAddress is that of Azure's instance metadata service, which IMDSContainerName gives to the pod's
	// loopback interface.
	MetadataAddress = "169.254.169.254"
	MetadataPort    = 80
	// DefaultProxyPort is the port on 127.0.0.1 where AnnotationProxySidecarPort gives no other.
	DefaultProxyPort = 8000

	PathMetadataToken   = "/metadata/identity/oauth2/token"
	PathAppServiceToken = "/msi/token"

	// CommandIMDSInit is the sidecar's command for IMDSContainerName, FlagMetadata the flag with an address and port.
	CommandIMDSInit = "imds-init"
	FlagMetadata    = "metadata"
)

// The sidecar's HTTP port, its name and its paths.
const (
	DefaultPort = 8971
	PortName    = "certsync"

	PathLive    = "/livez"
	PathReady   = "/readyz"
	PathStatus  = "/status"
	PathMetrics = "/metrics"
)

// DefaultUserID is the user and group ID of the sidecar where the pod does not suggest another.
const DefaultUserID = 65532

// MaxVariableBytes bounds EnvSettings and EnvExtraCA: the kernel refuses a variable of 128 KiB, and
// a pod has to fit into one etcd request with everything else in it.
const MaxVariableBytes = 96 << 10

// DefaultVaultSuffixes are the DNS suffixes of Key Vault in the public cloud, China and the US government cloud.
//
// Source: https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#dns-suffixes-for-object-identifiers
func DefaultVaultSuffixes() []string {
	return []string{"vault.azure.net", "vault.azure.cn", "vault.usgovcloudapi.net"}
}
