package admission

import (
	"bytes"
	"context"
	"maps"
	"net/http"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/memo"
)

// answer is the response to a request, and what it depends on beside the text of the request.
type answer struct {
	response              admissionv1.AdmissionResponse // without the uid
	apiVersion, namespace string
	read                  reads
	// admitted is for the log.
	admitted []any
}

// recall returns the answer to an earlier request with the same text, if the cluster still has what
// was read for it. Otherwise it returns nil, also if something cannot be read: then the decision
// finds out why.
func (h *Handler) recall(ctx context.Context, r *memo.Request) *answer {
	a, ok := h.memo.Get(r.Key)
	if !ok || a.read.options != h.config.Options() {
		return nil
	}
	account, err := h.config.ServiceAccount(ctx, a.namespace, a.read.account)
	if err != nil || !maps.Equal(account, a.read.serviceAccount) {
		return nil
	}
	namespace, err := h.config.Namespace(ctx, "", a.namespace)
	if err != nil || !maps.Equal(namespace, a.read.namespace) {
		return nil
	}
	return a
}

// repeat sends an answer to another request.
func (h *Handler) repeat(w http.ResponseWriter, b *buffers, r *memo.Request, a *answer) outcome {
	h.log.Debug("pod admitted", a.admitted...)
	response := a.response
	return h.send(w, b, &creation{apiVersion: a.apiVersion, uid: types.UID(r.UID())}, &response, injected)
}

// remember keeps an answer, whose patch is in the buffers, from the second request of its kind on.
// It does not keep one that depends on a ConfigMap: to compare that, it would have to be read.
func (h *Handler) remember(b *buffers, r *memo.Request, a *answer) {
	if a.read.configMap || !h.memo.Seen(r.Key) || !r.Check(b.patch, b.response) {
		return
	}
	a.response.Patch = bytes.Clone(b.patch)
	h.memo.Put(r.Key, a.namespace, len(a.response.Patch)+a.size(), a)
}

// size is about the memory that an answer takes beside its patch, in bytes.
func (a *answer) size() (n int) {
	for _, m := range []map[string]string{a.read.serviceAccount, a.read.namespace} {
		for k, v := range m {
			n += len(k) + len(v)
		}
	}
	for _, w := range a.response.Warnings {
		n += len(w)
	}
	return n
}
