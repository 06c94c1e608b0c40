package contract

// AnnotationKeys returns the keys, without Prefix, of the annotations that users set. A key with
// Prefix that is neither in this list nor in WrittenKeys is a mistake.
func AnnotationKeys() []string {
	return []string{
		KeyCertificates, KeySettings, KeySettingsConfigMap, KeyInject, KeyPollingInterval, KeyRequireInitial,
		KeyFormats, KeyFileMode, KeyPort, KeyLogLevel, KeyCredential, KeyKeystorePassword, KeyNativeSidecar,
		KeyReloadSignal, KeyReloadProcess, KeyReloadURL,
		KeyCPURequest, KeyMemoryRequest, KeyCPULimit, KeyMemoryLimit,
		KeyStorageRequest, KeyStorageLimit,
	}
}

// WrittenKeys returns the keys, without Prefix, of the annotations that the webhook writes on a
// pod.
func WrittenKeys() []string {
	return []string{KeyInjected, KeySettingsSource, KeySettingsHash, KeyWarnings}
}
