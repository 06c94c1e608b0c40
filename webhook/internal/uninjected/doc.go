// Package uninjected finds pods with the label that were created without the webhook. With
// failurePolicy Ignore, a pod that is created while no replica responds runs without identity and
// certificates, and nobody notices.
//
// It guarantees that it counts each such pod while the pod exists, and creates one Event for it, no
// matter how many replicas find it. A pod counts only if the selectors of the webhook's
// MutatingWebhookConfiguration match it and admission would change or refuse it now. So a change of
// the configuration never causes a report about a pod that was injected before.
//
// The package cannot evaluate matchConditions: they may depend on the user of the request, which
// the pod does not contain. If the configuration has any, it reports nothing.
//
// It never changes or deletes a pod. It keeps only the names and unique IDs of pods, and nothing of
// pods that are marked as injected.
package uninjected
