package admission

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/annotations"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/memo"
)

const (
	// keptBuffer bounds the buffers that are reused. Requests are charged for them, and must not
	// use up their smallShare by that.
	keptBuffer = 96 << 10
	// defaultTimeout applies where the request has no timeout, and maxTimeout is the longest that
	// an API server has; margin is the time left to send the response.
	//
	// Source:
	// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#timeouts
	defaultTimeout = 5 * time.Second
	maxTimeout     = 30 * time.Second
	margin         = 250 * time.Millisecond
	// writeTimeout is how long a client may take to read the response. Until then the request is
	// charged.
	writeTimeout = 2 * time.Second
)

// Handler serves AdmissionReview requests.
type Handler struct {
	config  *Config
	log     *slog.Logger
	metrics *metrics
	// buffers are *buffers. Without the pool they would be half of what an admission allocates.
	buffers *sync.Pool
	budget  *budget
	memo    *memo.Memo[*answer]
}

// NewHandler returns a handler and registers its metrics.
func NewHandler(c *Config, log *slog.Logger, r prometheus.Registerer) *Handler {
	return &Handler{
		config: c, log: log, metrics: newMetrics(r),
		buffers: &sync.Pool{New: func() any { return new(buffers) }},
		budget:  newBudget(), memo: memo.New[*answer](),
	}
}

// ServeHTTP responds to one AdmissionReview.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	outcome := failed
	defer func() {
		if p := recover(); p != nil {
			h.log.Error("admission panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			fail(w, http.StatusInternalServerError, metav1.StatusReasonInternalError, "the webhook failed: see the webhook's log")
			outcome = failed
		}
		h.metrics.observe(outcome, start)
	}()
	outcome = h.serve(w, r)
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request) outcome {
	ctx, cancel := context.WithTimeout(r.Context(), timeout(r))
	defer cancel()
	charge := &charge{budget: h.budget}
	defer charge.release()
	body := newBodyReader(ctx, w, r, charge)
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return refuse(w, http.StatusMethodNotAllowed, metav1.StatusReasonMethodNotAllowed, "an AdmissionReview must be sent by POST")
	}
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return refuse(w, http.StatusUnsupportedMediaType, metav1.StatusReasonUnsupportedMediaType,
			"the Content-Type of an AdmissionReview must be application/json")
	}
	b, err := body.read(h.buffers)
	if b == nil {
		b = new(buffers)
	}
	defer func() {
		if b.capacity() <= keptBuffer {
			h.buffers.Put(b)
		}
	}()
	if err != nil {
		return failRead(w, err)
	}
	return h.admit(ctx, w, b, charge)
}

// timeout returns how long the API server waits, from its query parameter, less the margin.
//
// Source: k8s.io/apiserver/pkg/admission/plugin/webhook/mutating/dispatcher.go
func timeout(r *http.Request) time.Duration {
	d, err := time.ParseDuration(r.URL.Query().Get("timeout"))
	if err != nil || d <= 2*margin {
		d = defaultTimeout
	}
	return min(d, maxTimeout) - margin
}

// decodeWithin decodes a body and charges what is built from it. The error is errBusy, or one of
// decode, or that the context has ended.
func decodeWithin(ctx context.Context, body []byte, charge *charge) (*creation, error) {
	if err := ended(ctx); err != nil {
		return nil, err
	}
	v := countValues(body)
	if v.tooMany(body) {
		return decodeOther(body, errTooManyValues)
	}
	if err := charge.add(ctx, v.memory()); err != nil {
		return nil, err
	}
	c, err := decode(body)
	if c != nil && c.pod != nil {
		n := int64(len(c.pod.Spec.InitContainers) + len(c.pod.Spec.Containers))
		if err := charge.add(ctx, max(0, n*chargeContainer-free)); err != nil {
			return nil, err
		}
	}
	return c, err
}

// admit responds to the request in the body buffer.
func (h *Handler) admit(ctx context.Context, w http.ResponseWriter, b *buffers, charge *charge) outcome {
	request, repeats := memo.Parse(b.body)
	if repeats {
		if a := h.recall(ctx, request); a != nil {
			return h.repeat(w, b, request, a)
		}
	}
	c, err := decodeWithin(ctx, b.body, charge)
	if c == nil && !errors.Is(err, errNotReview) {
		return failAdmission(w, err)
	}
	if c == nil {
		return fail(w, http.StatusBadRequest, metav1.StatusReasonBadRequest, err.Error())
	}
	if err != nil {
		return h.send(w, b, c, deny(&denial{http.StatusBadRequest, err}), denied)
	}
	if c.pod == nil {
		return h.send(w, b, c, &admissionv1.AdmissionResponse{Allowed: true}, skipped)
	}
	a := &answer{apiVersion: c.apiVersion, namespace: c.pod.Namespace}
	r, err := h.config.decide(ctx, c.pod, &a.read)
	var d *denial
	switch {
	case errors.As(err, &d):
		h.log.Info("pod denied", "namespace", c.namespace, "pod", nameOf(c), "reason", d.Error())
		return h.send(w, b, c, deny(d), denied)
	case err != nil:
		h.log.Error("admission failed", "namespace", c.namespace, "pod", nameOf(c), "error", err)
		return failAdmission(w, err)
	}
	response, o, err := b.allow(&r)
	if err != nil {
		return fail(w, http.StatusInternalServerError, metav1.StatusReasonInternalError, "encoding the patch: "+err.Error())
	}
	a.admitted = []any{"namespace", c.namespace, "pod", nameOf(c), "operations", len(r.Patch), "sidecar", r.Sidecar}
	h.log.Debug("pod admitted", a.admitted...)
	a.response = *response
	if o = h.send(w, b, c, response, o); o == injected && repeats {
		h.remember(b, request, a)
	}
	return o
}

// allow returns the response that allows the pod, and its outcome. The patch is in a buffer.
func (b *buffers) allow(r *result) (*admissionv1.AdmissionResponse, outcome, error) {
	response := &admissionv1.AdmissionResponse{Allowed: true, Warnings: fitWarnings(r.Warnings)}
	if len(r.Patch) == 0 {
		return response, skipped, nil
	}
	var err error
	if b.patch, err = r.Patch.Append(b.patch[:0]); err != nil {
		return nil, failed, err
	}
	patchType := admissionv1.PatchTypeJSONPatch
	response.Patch, response.PatchType = b.patch, &patchType
	return response, injected, nil
}

// send writes a response and returns its outcome, or failed if it cannot be encoded.
func (h *Handler) send(w http.ResponseWriter, b *buffers, c *creation, r *admissionv1.AdmissionResponse, o outcome) outcome {
	var err error
	if b.response, err = appendReview(b.response[:0], c, r); err != nil {
		return fail(w, http.StatusInternalServerError, metav1.StatusReasonInternalError, "encoding the response: "+err.Error())
	}
	write(w, http.StatusOK, b.response)
	return o
}

func deny(d *denial) *admissionv1.AdmissionResponse {
	reason := metav1.StatusReasonBadRequest
	if d.code == http.StatusForbidden {
		reason = metav1.StatusReasonForbidden
	}
	return &admissionv1.AdmissionResponse{Result: &metav1.Status{
		Status: metav1.StatusFailure, Code: d.code, Reason: reason, Message: d.Error(),
	}}
}

// fail responds with an error, in the form whose text the API server shows to the user.
func fail(w http.ResponseWriter, code int, reason metav1.StatusReason, message string) outcome {
	data, err := json.Marshal(&metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusFailure, Code: int32(code), Reason: reason, Message: message,
	})
	if err != nil {
		data = nil // the status code remains
	}
	write(w, code, data)
	return failed
}

// failAdmission responds to a request that could not be admitted for a reason other than the pod.
func failAdmission(w http.ResponseWriter, err error) outcome {
	switch {
	case errors.Is(err, errBusy), errors.Is(err, annotations.ErrBusy):
		return failBusy(w, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fail(w, http.StatusGatewayTimeout, metav1.StatusReasonTimeout, err.Error())
	}
	return fail(w, http.StatusInternalServerError, metav1.StatusReasonInternalError, err.Error())
}

func write(w http.ResponseWriter, code int, data []byte) {
	// The only error is that a test's ResponseWriter has no connection.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout))
	w.Header().Set("Content-Type", "application/json")
	// Without the length, a response of this size is sent in chunks.
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(code)
	// The only error is that the client has gone.
	_, _ = w.Write(data)
}

// nameOf returns the pod's name, or the prefix that its name is generated from.
func nameOf(c *creation) string {
	if c.pod.Name != "" {
		return c.pod.Name
	}
	return c.pod.GenerateName
}
