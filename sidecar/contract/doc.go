// Package contract defines what the webhook and the sidecar must agree on: names on Kubernetes
// objects, paths and ports inside a pod, and the settings with Parse, Validate and Encode.
//
// Both programs use the same Validate, so admission refuses exactly what the sidecar would refuse.
//
// This is the only package of the sidecar that the webhook imports. It must stay small because
// everything that it imports becomes part of both binaries: it uses only the standard library, and
// it does no I/O.
package contract
