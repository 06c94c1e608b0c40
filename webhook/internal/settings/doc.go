// Package settings turns annotations into settings: what a pod, its service account, its namespace and
// the chart say, into one contract.Settings that contract.Validate accepts, or into an error that names the
// annotation, its value, what is allowed and where it came from.
//
// It takes maps and strings, knows no Kubernetes types, and does no I/O: the one thing that it cannot
// have at first, the content of a ConfigMap, is asked for by ConfigMapName and passed in.
package settings
