// Package contract is what the webhook and the sidecar agree on: the names that appear on Kubernetes
// objects, the paths and ports inside a pod, and the settings with their one Parse, Validate and Encode.
//
// It is the only package of the sidecar that the webhook imports, so that admission refuses exactly
// what the sidecar would refuse. It is apart, and must stay thin, because everything that it imports
// ends up in both binaries: it uses the standard library only, and does no I/O.
package contract
