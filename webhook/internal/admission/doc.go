// Package admission serves the API server's AdmissionReview requests for pods. A response is a
// patch, warnings, or a denial that tells the pod's owner what to change.
//
// It guarantees that every request gets a response, and that a response has no side effect, so dry
// runs need no special case. A denial (HTTP 200, allowed false) is about the pod. An error (another
// HTTP status) is about the webhook or the API server; then the failurePolicy decides. Requests
// that do not create a pod are allowed without a patch.
//
// The request is decoded once, straight into the pod's type. The response consists of operations on
// the pod that the API server sent: the pod is never re-encoded.
package admission
