// Package annotations answers which of our annotations a service account, or its namespace, has.
//
// It guarantees that an object that exists is found, however new it is: what is not in the cache yet is read from the
// API server itself, once for all who ask for it at the same time, and again for a short grace period where it
// is not there, since a service account and its first pod are often created together. It keeps nothing of an
// object but its name and those annotations, so that tens of thousands of service accounts cost a few megabytes,
// and never reads Secrets or the token of a service account.
package annotations
