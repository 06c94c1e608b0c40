// Package inject computes what a pod needs: (pod, identity, settings, options) in, JSON patch
// operations out.
//
// An injection decides; an editor holds the pod as the operations leave it and is the only one that
// appends them.
//
// The package guarantees that the same input gives the same operations, and that an injected pod
// needs no further operations. It recognises and keeps what an earlier injection, another webhook
// or a copied manifest already added. It only adds what is missing; it removes, moves or corrects
// only what it added itself. It never re-encodes parts of the pod that come from others, so unknown
// fields survive. It does no I/O.
package inject
