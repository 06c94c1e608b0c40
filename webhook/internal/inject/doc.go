// Package inject says what a pod needs: (pod, identity, settings, options) in, JSON patch operations out.
//
// It guarantees that the operations only add what is missing, that they are the same for the same input, and that
// a pod that they were applied to gets none: what is there, from an earlier pass, another webhook or a copied
// manifest, is recognised and kept. All that is ever taken out, moved or corrected is what this package put in. It never
// encodes a part of the pod that it did not make, so a field that it does not know survives. It does no I/O.
package inject
