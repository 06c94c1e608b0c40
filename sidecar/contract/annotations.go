package contract

import "strings"

// AnnotationKeys returns the annotations that are read, without Prefix. A key that is in neither this
// list nor WrittenKeys is a mistake.
func AnnotationKeys() []string {
	return []string{
		KeyCertificates, KeySettings, KeySettingsConfigMap, KeyInject, KeyPollingInterval, KeyRequireInitial,
		KeyFormats, KeyFileMode, KeyPort, KeyLogLevel, KeyCredential, KeyKeystorePassword, KeyNativeSidecar,
		KeyReloadSignal, KeyReloadProcess, KeyReloadURL,
		KeyCPURequest, KeyMemoryRequest, KeyCPULimit, KeyMemoryLimit,
	}
}

// WrittenKeys returns the annotations that the webhook writes on a pod, without Prefix.
func WrittenKeys() []string {
	return []string{KeyInjected, KeySettingsSource, KeySettingsHash, KeyWarnings}
}

// EscapeVariable returns value such that Kubernetes, which expands $(NAME) in a container's variables
// and reads $$ as $, hands over exactly value.
//
// Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#environment-variables
func EscapeVariable(value string) string {
	return strings.ReplaceAll(value, "$", "$$")
}
