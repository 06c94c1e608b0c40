// Package uninjected finds pods with the label that were created without the webhook: with
// failurePolicy Ignore, pods that are created while no replica responds run without identity and
// certificates.
//
// It guarantees that each such pod is counted while it exists, and gets one Event, even if several
// replicas find it. A pod counts only if the selectors of the webhook's
// MutatingWebhookConfiguration match it and admission would change or refuse it as it is, so that a
// change of the configuration never reports pods that were injected before. The package cannot
// evaluate matchConditions (they can depend on the user of the request, which a pod does not
// contain): with matchConditions it reports nothing. It never changes or deletes a pod. It keeps
// the names and unique IDs of pods, and nothing of pods with the mark of injection.
package uninjected
