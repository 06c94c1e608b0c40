// Package annotations finds the annotations of this project on service accounts and namespaces.
//
// It guarantees that it finds each existing object, even a new one. It reads an object that is not
// in the cache yet from the API server, once for all concurrent callers. If the object does not
// exist, it tries again for a short grace period, because a service account and its first pod are
// often created together. It keeps only the name of an object and these annotations, so that tens
// of thousands of service accounts cost a few megabytes. It never reads Secrets or the token of a
// service account.
package annotations
