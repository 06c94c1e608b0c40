package admission

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
)

const (
	// maxBody bounds a request: an object is at most 3 MiB, and the request may contain two and
	// some metadata.
	maxBody = 7 << 20
	// keptBuffer bounds the buffers that are reused.
	keptBuffer = 1 << 20
	// defaultTimeout applies where the request has no timeout; margin is the time left to send the
	// response.
	defaultTimeout = 5 * time.Second
	margin         = 250 * time.Millisecond
)

// Handler serves AdmissionReview requests.
type Handler struct {
	config  *Config
	log     *slog.Logger
	metrics *metrics
	// buffers are *buffers. Without the pool they would be half of what an admission allocates.
	buffers *sync.Pool
}

// buffers are the memory that one admission uses.
type buffers struct {
	body            bytes.Buffer
	patch, response []byte
}

// NewHandler returns a handler and registers its metrics.
func NewHandler(c *Config, log *slog.Logger, r prometheus.Registerer) *Handler {
	return &Handler{
		config: c, log: log, metrics: newMetrics(r),
		buffers: &sync.Pool{New: func() any { return new(buffers) }},
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
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return fail(w, http.StatusMethodNotAllowed, metav1.StatusReasonMethodNotAllowed, "an AdmissionReview must be sent by POST")
	}
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return fail(w, http.StatusUnsupportedMediaType, metav1.StatusReasonUnsupportedMediaType,
			"the Content-Type of an AdmissionReview must be application/json")
	}
	b := h.buffers.Get().(*buffers)
	defer func() {
		if b.body.Cap()+cap(b.patch)+cap(b.response) <= keptBuffer {
			b.body.Reset()
			h.buffers.Put(b)
		}
	}()
	if _, err := io.Copy(&b.body, http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return fail(w, http.StatusRequestEntityTooLarge, metav1.StatusReasonRequestEntityTooLarge,
				fmt.Sprintf("the request is larger than %d bytes", maxBody))
		}
		return fail(w, http.StatusBadRequest, metav1.StatusReasonBadRequest, "reading the request: "+err.Error())
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout(r))
	defer cancel()
	return h.admit(ctx, w, b)
}

// timeout returns how long the API server waits, from its query parameter, less the margin.
//
// Source: k8s.io/apiserver/pkg/admission/plugin/webhook/mutating/dispatcher.go
func timeout(r *http.Request) time.Duration {
	d, err := time.ParseDuration(r.URL.Query().Get("timeout"))
	if err != nil || d <= 2*margin {
		d = defaultTimeout
	}
	return d - margin
}

// admit responds to the request in the body buffer.
func (h *Handler) admit(ctx context.Context, w http.ResponseWriter, b *buffers) outcome {
	c, err := decode(b.body.Bytes())
	if c == nil {
		return fail(w, http.StatusBadRequest, metav1.StatusReasonBadRequest, err.Error())
	}
	if err != nil {
		return h.send(w, b, c, deny(&denial{http.StatusBadRequest, err}), denied)
	}
	if c.pod == nil {
		return h.send(w, b, c, &admissionv1.AdmissionResponse{Allowed: true}, skipped)
	}
	r, err := h.config.mutate(ctx, c.pod)
	var d *denial
	switch {
	case errors.As(err, &d):
		h.log.Info("pod denied", "namespace", c.namespace, "pod", nameOf(c), "reason", d.Error())
		return h.send(w, b, c, deny(d), denied)
	case err != nil:
		h.log.Error("admission failed", "namespace", c.namespace, "pod", nameOf(c), "error", err)
		return fail(w, http.StatusInternalServerError, metav1.StatusReasonInternalError, err.Error())
	}
	response, o, err := b.allow(&r)
	if err != nil {
		return fail(w, http.StatusInternalServerError, metav1.StatusReasonInternalError, "encoding the patch: "+err.Error())
	}
	h.log.Debug("pod admitted", "namespace", c.namespace, "pod", nameOf(c), "operations", len(r.Patch), "sidecar", r.Sidecar)
	return h.send(w, b, c, response, o)
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

func write(w http.ResponseWriter, code int, data []byte) {
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
