package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// annotation describes an annotation. The value and the default are in Markdown.
type annotation struct{ value, byDefault string }

// annotations are those that users set, by key.
var annotations = map[string]annotation{
	contract.KeyCertificates: {"secret URLs, `https://<vault>.vault.azure.net/secrets/<name>[/<version>]`, separated by commas, " +
		"spaces or new lines; a version pins the certificate", ""},
	contract.KeySettings:          {"settings of the Key Vault VM extension, JSON", ""},
	contract.KeySettingsConfigMap: {"name of a ConfigMap in the pod's namespace, key `settings.json`", ""},
	contract.KeyInject:            {"`\"false\"`: no certificates", "`\"true\"`"},
	contract.KeyPollingInterval: {fmt.Sprintf("seconds, or a duration such as `10m`; at least %d s, at most %d days", seconds(contract.MinPollingInterval),
		seconds(contract.MaxPollingInterval)/seconds(day)), strconv.Itoa(seconds(contract.DefaultPollingInterval))},
	contract.KeyRequireInitial: {"`\"false\"`: start the app without waiting for its certificates", "`\"true\"`"},
	contract.KeyFormats:        {"of " + words(contract.PathSecrets+".formats") + ": see [the store](#the-store)", code(contract.FormatPEM)},
	contract.KeyFileMode:       {"octal, such as `0640`", "depends on [who reads the files](#who-may-read-the-key)"},
	contract.KeyPort:           {"port of the sidecar's probes and metrics", fmt.Sprintf("%d, or the next free one", contract.DefaultPort)},
	contract.KeyLogLevel:       {words(contract.PathSecrets + ".logLevel"), "`info`"},
	contract.KeyCredential:     {words(contract.PathAuthentication + ".credential"), code(contract.CredentialWorkloadIdentity)},
	contract.KeyKeystorePassword: {"`<name>[/<key>]` of a Secret with the password of keystores; the key is `password` by default",
		"the password is " + code(contract.DefaultKeystorePass)},
	contract.KeyNativeSidecar: {"`auto` (on Kubernetes 1.32 or later), `true`, `false`", "`auto`"},
	contract.KeyReloadSignal: {"after a renewal, send this signal to the processes with the name `" + contract.KeyReloadProcess +
		"`: see [after a renewal](#after-a-renewal)", ""},
	contract.KeyReloadProcess: {"the name of these processes", ""},
	contract.KeyReloadURL:     {"after a renewal, send a POST to this loopback URL", ""},
	contract.KeyCPURequest:    {"the sidecar's CPU request", contract.DefaultCPURequest},
	contract.KeyMemoryRequest: {"the sidecar's memory request", contract.DefaultMemoryRequest},
	contract.KeyCPULimit: {"the sidecar's CPU limit: see [its default](decisions/cpu-limit.md)",
		"none; " + contract.DefaultCPULimit + " if all containers of the pod have a CPU limit, 100m in a Guaranteed pod"},
	contract.KeyMemoryLimit:    {"the sidecar's memory limit", contract.DefaultMemoryLimit},
	contract.KeyStorageRequest: {"the sidecar's request of local storage. It writes only its log there", ""},
	contract.KeyStorageLimit:   {"the limit; above it, the kubelet evicts the pod", ""},
}

// written are the annotations that the webhook writes, by key.
var written = map[string]string{
	contract.KeyInjected: "`\"true\"` on pods with a sidecar; with `webhook.failurePolicy` `Ignore`, on every pod that the webhook has reviewed",
	contract.KeySettingsSource: "where the settings come from, such as `namespace: certificates`; `pod: inject-proxy-sidecar` for the metadata " +
		"endpoint alone",
	contract.KeySettingsHash: "a hash of the settings; in pods that read a ConfigMap, of those that overlay it",
	contract.KeyWarnings:     "the warnings of the admission, if there are any",
}

// identity are the label and the annotations of Azure Workload Identity.
var identityRows = [][]string{
	{"pod", "label " + code(contract.LabelUse), "`\"true\"`", ""},
	{"service account", code(contract.AnnotationClientID), "client ID of the application or user-assigned identity", ""},
	{"service account", code(contract.AnnotationTenantID), "its tenant; for certificates, the GUID of the tenant", "the chart's `identity.tenantId`"},
	{"pod, service account", code(contract.AnnotationTokenExpiration),
		fmt.Sprintf("seconds, %d to %d; the pod's value wins", contract.MinTokenExpiration, contract.MaxTokenExpiration),
		strconv.Itoa(contract.DefaultTokenExpiration)},
	{"pod", code(contract.AnnotationSkipContainers), "names of containers that get nothing, separated by `;`", ""},
	{"pod", code(contract.LabelUse + "-<suffix>"),
		"`\"true\"`: tokens come from the custom token endpoint (AKS identity bindings) of the chart's `identity.tokenEndpoint`", ""},
	{"pod", code(contract.AnnotationInjectProxySidecar), "any value but `\"false\"`: adds [the metadata endpoint](#the-metadata-endpoint)", ""},
	{"pod", code(contract.AnnotationProxySidecarPort), "port of the metadata endpoint on 127.0.0.1", strconv.Itoa(contract.DefaultProxyPort)},
}

func identityTable() (*table, error) {
	return &table{[]string{"on", "name", "value", "default"}, identityRows}, nil
}

func annotationTable() (*table, error) {
	t := &table{head: []string{"name", "value", "default"}}
	keys := contract.AnnotationKeys()
	for _, key := range keys {
		a := annotations[key]
		if a.value == "" {
			return nil, fmt.Errorf("annotation %s has no description: add it to annotations", key)
		}
		t.rows = append(t.rows, []string{code(key), a.value, a.byDefault})
	}
	return t, known(annotations, keys)
}

func writtenTable() (*table, error) {
	t := &table{head: []string{"name", "value"}}
	keys := contract.WrittenKeys()
	for _, key := range keys {
		if written[key] == "" {
			return nil, fmt.Errorf("annotation %s has no description: add it to written", key)
		}
		t.rows = append(t.rows, []string{code(key), written[key]})
	}
	return t, known(written, keys)
}

// known returns an error if something is described that does not exist.
func known[V any](described map[string]V, names []string) error {
	for name := range described {
		if !slices.Contains(names, name) {
			return fmt.Errorf("%q is described, but does not exist", name)
		}
	}
	return nil
}

// words returns the allowed values of a setting.
func words(path string) string { return code(contract.Words()[strings.ReplaceAll(path, "[]", "")]...) }
