// Package kube is the webhook's access to the API server: a named function for each of the few
// reads and writes that it needs, and Follow, which lists and watches one kind of object.
//
// It guarantees that it reads only the kinds, and where only one object is needed only the object,
// that a caller names, so that RBAC can be as narrow. It never caches: a caller that follows
// objects keeps what it needs of them. It does not use clientsets, informers or a manager: they
// hold whole objects of whole kinds, and their types alone cost a good part of the 200 ms of CPU
// time in which the webhook has to start.
package kube
