// Package kube is the webhook's access to the API server: the few reads and writes that it needs, each named, and
// Follow, which lists and watches one kind of object.
//
// It guarantees that nothing is read that a caller did not ask for by kind, and by name where only one object is
// meant, so that RBAC can be as narrow. It never caches: who follows objects keeps what it needs of them. It is
// not built on clientsets, informers or a manager: those hold whole objects of whole kinds, and their types alone cost
// a webhook that has to start in 200 ms of CPU time a good part of it.
package kube
