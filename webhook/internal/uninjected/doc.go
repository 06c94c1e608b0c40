// Package uninjected finds pods that carry the label but that the webhook did not see: with failurePolicy Ignore, pods that
// were created while no replica answered run without identity and certificates, and nobody is told.
//
// It guarantees that each such pod is counted as long as it is there, and gets one Event, however many replicas find it. A pod
// counts only if admission would change or refuse it as it is, so that a change of the configuration accuses no pod that was
// injected before. It never changes or deletes a pod. Of pods it keeps their unique IDs, and of injected ones nothing.
package uninjected
