// Package annotations looks up the annotations of service accounts and namespaces that the webhook
// reads.
//
// It guarantees that an object that exists is found, even if it is very new: if it is not in the
// cache yet, the package reads it from the API server, once for all concurrent callers. If it does
// not exist, the package retries for a short grace period, because a service account and its first
// pod are often created together.
//
// The package keeps only the name and these annotations of each object, so that tens of thousands
// of service accounts use a few megabytes. It never reads Secrets or the token of a service
// account.
package annotations
