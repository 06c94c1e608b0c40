// Package uninjected finds pods that carry the label but that the webhook did not see: with failurePolicy Ignore, pods that
// were created while no replica answered run without identity and certificates, and nobody is told.
//
// It guarantees that each such pod is counted as long as it is there, and gets one Event, however many replicas find it. A pod
// counts only if the selectors of the webhook's MutatingWebhookConfiguration mean it and admission would change or refuse it
// as it is, so that a change of the configuration accuses no pod that was injected before. matchConditions cannot be evaluated
// here (they may ask about the request's user, which no pod tells): where there are any, nothing is reported. It never changes
// or deletes a pod. Of pods it keeps names and unique IDs, and of those that are marked as injected nothing.
package uninjected
