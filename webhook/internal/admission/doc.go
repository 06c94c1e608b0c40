// Package admission answers the API server's AdmissionReview requests for pods: a patch, warnings, or a denial that
// says what the pod's owner has to change.
//
// It guarantees an answer to every request, whatever it holds, and that an answer has no side effect, so that dry
// runs need no care. A denial (HTTP 200, allowed false) is about the pod; an error (another HTTP status) is about
// the webhook or the API server, and then the failurePolicy decides. What is not the creation of a pod is allowed as it is.
//
// The request is decoded once, straight into the pod's type, and the answer is made of operations on what the API server
// sent: the pod is never encoded again.
package admission
