package contract

// Labels and annotations of Azure Workload Identity v1.6.0.
//
// Source:
// https://azure.github.io/azure-workload-identity/docs/topics/service-account-labels-and-annotations.html
const (
	// IdentityPrefix is the prefix of the label and the annotations of Azure Workload Identity.
	IdentityPrefix = "azure.workload.identity/"

	// LabelUse with the value "true" opts a pod in. The objectSelector of the webhook matches it.
	LabelUse = IdentityPrefix + "use"

	// AnnotationClientID and AnnotationTenantID on a service account are the client ID of the
	// application or managed identity, and its tenant ID.
	AnnotationClientID = IdentityPrefix + "client-id"
	AnnotationTenantID = IdentityPrefix + "tenant-id"

	// AnnotationTokenExpiration on a pod or service account is the lifetime of the projected token
	// in seconds.
	AnnotationTokenExpiration = IdentityPrefix + "service-account-token-expiration"

	// AnnotationSkipContainers on a pod lists the names of containers to leave unchanged, separated
	// by semicolons.
	AnnotationSkipContainers = IdentityPrefix + "skip-containers"

	// AnnotationInjectProxySidecar on a pod requests the metadata endpoint, by any value except
	// "false". AnnotationProxySidecarPort is its port on 127.0.0.1.
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

// Environment variables that direct the Azure SDKs to a metadata endpoint. The first two are for an
// endpoint in the form of Azure App Service. The third is for an instance metadata service at
// another host; the SDK for Go does not read it.
//
// Sources:
// https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
// and @azure/identity, managedIdentityCredential/imdsMsi.ts
const (
	EnvIdentityEndpoint         = "IDENTITY_ENDPOINT"
	EnvIdentityHeader           = "IDENTITY_HEADER"
	EnvPodIdentityAuthorityHost = "AZURE_POD_IDENTITY_AUTHORITY_HOST"
)

// The projected token of the app, with the names and paths of Azure Workload Identity.
const (
	DefaultTokenAudience = "api://AzureADTokenExchange"
	// IdentityVolumePrefix is the prefix of the name of the token volume.
	IdentityVolumePrefix = "azure-workload-identity-reserved-"
	IdentityMountPath    = "/var/run/secrets/azure/wi"
	IdentityTokenFile    = IdentityMountPath + "/token/azure-identity-token"
	// LegacyIdentityMountPath is where Azure Workload Identity before v1.6.0 mounted the token.
	LegacyIdentityMountPath = "/var/run/secrets/azure/tokens"
	// TokenFileName is the name of the token file in every mount.
	TokenFileName = "azure-identity-token"
)

// Lifetime of a projected token in seconds.
//
// Source:
// https://azure.github.io/azure-workload-identity/docs/topics/service-account-labels-and-annotations.html
const (
	DefaultTokenExpiration = 3600
	MinTokenExpiration     = 3600
	MaxTokenExpiration     = 86400
)

// Prefix is the prefix of the annotations of certificate sync.
const Prefix = "certsync." + IdentityPrefix

// Annotations of certificate sync, without Prefix, on a pod, its service account or its namespace.
// The chart can set defaults for them. docs/reference.md lists their values.
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
	KeyStorageRequest    = "ephemeral-storage-request"
	KeyStorageLimit      = "ephemeral-storage-limit"
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

// Environment variables of the sidecar's container.
const (
	// EnvSettings holds settings as written by Encode. If there is a settings file, they overlay
	// it.
	EnvSettings = "CERTSYNC_SETTINGS"
	// EnvExtraCA holds PEM certificates to trust in addition to those of the system.
	EnvExtraCA = "CERTSYNC_EXTRA_CA"
	// EnvAllowedVaults holds the DNS suffixes of allowed vaults, separated by commas.
	EnvAllowedVaults = "CERTSYNC_ALLOWED_VAULTS"
	// EnvMetadataHeader holds the same value as EnvIdentityHeader in the containers of the app. If
	// it is absent, the sidecar does not serve the metadata endpoint in the form of App Service.
	EnvMetadataHeader = "CERTSYNC_METADATA_HEADER"
)

// Addresses and paths of the metadata endpoint. All addresses are on the loopback interface.
const (
	// MetadataAddress is the address of Azure's instance metadata service. The init container
	// IMDSContainerName adds it to the loopback interface of the pod.
	MetadataAddress = "169.254.169.254"
	MetadataPort    = 80
	// DefaultProxyPort is the port on 127.0.0.1 unless AnnotationProxySidecarPort sets another.
	DefaultProxyPort = 8000

	PathMetadataToken   = "/metadata/identity/oauth2/token"
	PathAppServiceToken = "/msi/token"

	// CommandIMDSInit is the command that IMDSContainerName runs.
	CommandIMDSInit = "imds-init"
	// FlagMetadata is the flag of the sidecar for the address and port of the metadata endpoint.
	FlagMetadata = "metadata"
)

// HTTP port of the sidecar, the port's name, and the paths.
const (
	DefaultPort = 8971
	PortName    = "certsync"

	PathLive    = "/livez"
	PathReady   = "/readyz"
	PathStatus  = "/status"
	PathMetrics = "/metrics"
)

// The sidecar's resources where no annotation sets them. The CPU limit is that of a pod whose
// containers all have one; other pods need none.
const (
	DefaultCPURequest    = "10m"
	DefaultMemoryRequest = "32Mi"
	DefaultCPULimit      = "200m"
	DefaultMemoryLimit   = "64Mi"
)

// DefaultUserID is the user and group ID of the sidecar unless the pod implies another.
const DefaultUserID = 65532
