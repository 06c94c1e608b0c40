// Package settings turns annotations into settings: what a pod, its service account, its namespace and
// the chart say, into one contract.Settings that contract.Validate accepts, or into an error that names the
// annotation, its value, what is allowed and where it came from.
//
// It takes maps and strings, knows no Kubernetes types, and does no I/O: the one thing that it cannot
// have at first, the content of a ConfigMap, is asked for by ConfigMapName and passed in.
//
// # Precedence
//
// Annotations have the prefix contract.Prefix. A value that is empty or blank counts as not given.
//
//	what                        taken from, first wins                          together with
//	--------------------------  ----------------------------------------------  -----------------------------
//	certificates, settings,     pod, service account, namespace, chart: whole,  certificates adds entries to
//	settings-configmap          from the first level that has any of the three  the settings of its own level;
//	                                                                            both settings forms: denied
//	every other key             pod, service account, namespace, chart: each    overrides what the settings
//	                            key by itself                                   object says, whatever its level
//	service-account-token-      pod, service account, 3600
//	expiration
//	client-id                   service account
//	tenant-id                   service account, the webhook's own tenant
//	skip-containers,            pod
//	inject-proxy-sidecar,
//	proxy-sidecar-port,
//	use-<suffix>
package settings
