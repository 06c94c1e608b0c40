// Package settings resolves the annotations of a pod, its service account and its namespace, and
// the defaults of the chart. The result is a contract.Settings that contract.Validate accepts, or
// an error that names the annotation, its value, where it is, and what is allowed.
//
// The package takes maps and strings. It knows no Kubernetes types and does no I/O. If the settings
// are in a ConfigMap, ConfigMapName returns its name and the caller passes in its content.
//
// # Precedence
//
// Annotations have the prefix contract.Prefix. An empty or blank value counts as absent.
//
//	what                     taken from, first wins                     together with
//	-----------------------  -----------------------------------------  ---------------------------
//	certificates,            pod, service account, namespace, chart:    certificates adds entries
//	settings,                all three from the first level that has    to the settings of the same
//	settings-configmap       any of them                                level; both settings forms:
//	                                                                    denied
//	every other key          pod, service account, namespace, chart:    overrides the setting in
//	                         each key separately                        the settings object of any
//	                                                                    level
//	service-account-token-   pod, service account, default 3600
//	expiration
//	client-id                service account
//	tenant-id                service account, default tenant of the
//	                         webhook
//	skip-containers,         pod
//	inject-proxy-sidecar,
//	proxy-sidecar-port,
//	use-<suffix>
package settings
