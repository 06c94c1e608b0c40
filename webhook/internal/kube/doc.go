// Package kube is the webhook's access to the API server: the few reads and writes that it needs,
// and Follow, which lists and watches one kind of object.
//
// It guarantees that it reads only the kinds of objects that a caller requests, and only the named
// object if the caller needs one, so that RBAC rules can be equally narrow. It never caches: a
// caller that follows objects keeps what it needs.
//
// It does not use clientsets, informers or a manager. They keep whole objects of whole kinds, and
// initializing their types alone takes a large part of the 200 ms of CPU time in which the webhook
// has to start.
package kube
