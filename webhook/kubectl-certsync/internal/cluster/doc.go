// Package cluster is the plugin's access to a cluster: objects, commands in containers, and ports
// of pods.
//
// It guarantees that every call ends with its context, and that errors are sentences that say what
// failed and which permission is missing. It never reads Secrets and never changes an object.
package cluster
