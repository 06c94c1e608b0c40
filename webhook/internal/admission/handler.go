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
	// maxBody bounds a request: an object is at most 3 MiB, and the request may hold two and some more.
	maxBody = 7 << 20
	// keptBuffer bounds the buffers that are used again.
	keptBuffer = 1 << 20
	// defaultTimeout is used where the API server does not say how long it waits; margin is left to send the answer.
	defaultTimeout = 5 * time.Second
	margin         = 250 * time.Millisecond
)

// Handler serves AdmissionReview requests.
type Handler struct {
	config  *Config
	log     *slog.Logger
	metrics *metrics
	// buffers are *scratch: without them, half of what an admission allocates would be these.
	buffers *sync.Pool
}

// scratch is the memory that an admission needs for its length.
type scratch struct {
	body          bytes.Buffer
	patch, answer []byte
}

// NewHandler returns a handler that registers its metrics.
func NewHandler(c *Config, log *slog.Logger, r prometheus.Registerer) *Handler {
	return &Handler{
		config: c, log: log, metrics: newMetrics(r),
		buffers: &sync.Pool{New: func() any { return new(scratch) }},
	}
}

// ServeHTTP answers one AdmissionReview.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	outcome := failed
	defer func() {
		if p := recover(); p != nil {
			h.log.Error("admission panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			fail(w, http.StatusInternalServerError, metav1.StatusReasonInternalError, "the webhook failed: see its log")
			outcome = failed
		}
		h.metrics.observe(outcome, start)
	}()
	outcome = h.serve(w, r)
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request) outcome {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return fail(w, http.StatusMethodNotAllowed, metav1.StatusReasonMethodNotAllowed, "an AdmissionReview is sent by POST")
	}
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return fail(w, http.StatusUnsupportedMediaType, metav1.StatusReasonUnsupportedMediaType, "the Content-Type of an AdmissionReview is application/json")
	}
	s := h.buffers.Get().(*scratch)
	defer func() {
		if s.body.Cap()+cap(s.patch)+cap(s.answer) <= keptBuffer {
			s.body.Reset()
			h.buffers.Put(s)
		}
	}()
	if _, err := io.Copy(&s.body, http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return fail(w, http.StatusRequestEntityTooLarge, metav1.StatusReasonRequestEntityTooLarge, fmt.Sprintf("the request is larger than %d bytes", maxBody))
		}
		return fail(w, http.StatusBadRequest, metav1.StatusReasonBadRequest, "reading the request: "+err.Error())
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout(r))
	defer cancel()
	return h.answer(ctx, w, s)
}

// timeout is how long the API server waits, by its query parameter.
//
// Source: k8s.io/apiserver/pkg/admission/plugin/webhook/mutating/dispatcher.go
func timeout(r *http.Request) time.Duration {
	d, err := time.ParseDuration(r.URL.Query().Get("timeout"))
	if err != nil || d <= 2*margin {
		d = defaultTimeout
	}
	return d - margin
}

func (h *Handler) answer(ctx context.Context, w http.ResponseWriter, s *scratch) outcome {
	c, err := decode(s.body.Bytes())
	if c == nil {
		return fail(w, http.StatusBadRequest, metav1.StatusReasonBadRequest, err.Error())
	}
	if err != nil {
		return h.send(w, s, c, deny(&denial{http.StatusBadRequest, err}), denied)
	}
	if c.pod == nil {
		return h.send(w, s, c, &admissionv1.AdmissionResponse{Allowed: true}, skipped)
	}
	r, err := h.config.mutate(ctx, c.pod)
	var d *denial
	switch {
	case errors.As(err, &d):
		h.log.Info("pod denied", "namespace", c.namespace, "pod", nameOf(c), "reason", d.Error())
		return h.send(w, s, c, deny(d), denied)
	case err != nil:
		h.log.Error("admission failed", "namespace", c.namespace, "pod", nameOf(c), "error", err)
		return fail(w, http.StatusInternalServerError, metav1.StatusReasonInternalError, err.Error())
	}
	a, o, err := s.allow(&r)
	if err != nil {
		return fail(w, http.StatusInternalServerError, metav1.StatusReasonInternalError, "encoding the patch: "+err.Error())
	}
	h.log.Debug("pod admitted", "namespace", c.namespace, "pod", nameOf(c), "operations", len(r.Patch), "sidecar", r.Sidecar)
	return h.send(w, s, c, a, o)
}

// allow returns the answer with the patch and its outcome. The patch is in the scratch's memory.
func (s *scratch) allow(r *result) (*admissionv1.AdmissionResponse, outcome, error) {
	a := &admissionv1.AdmissionResponse{Allowed: true, Warnings: fitWarnings(r.Warnings)}
	if len(r.Patch) == 0 {
		return a, skipped, nil
	}
	var err error
	if s.patch, err = r.Patch.Append(s.patch[:0]); err != nil {
		return nil, failed, err
	}
	patchType := admissionv1.PatchTypeJSONPatch
	a.Patch, a.PatchType = s.patch, &patchType
	return a, injected, nil
}

// send writes an answer and returns its outcome, or failed where it cannot be encoded.
func (h *Handler) send(w http.ResponseWriter, s *scratch, c *creation, a *admissionv1.AdmissionResponse, o outcome) outcome {
	var err error
	if s.answer, err = appendReview(s.answer[:0], c, a); err != nil {
		return fail(w, http.StatusInternalServerError, metav1.StatusReasonInternalError, "encoding the answer: "+err.Error())
	}
	write(w, http.StatusOK, s.answer)
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

// fail answers with an error, in the form in which the API server shows its text to the user.
func fail(w http.ResponseWriter, code int, reason metav1.StatusReason, message string) outcome {
	data, err := json.Marshal(&metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusFailure, Code: int32(code), Reason: reason, Message: message,
	})
	if err != nil {
		data = nil // the status line says it all
	}
	write(w, code, data)
	return failed
}

func write(w http.ResponseWriter, code int, data []byte) {
	w.Header().Set("Content-Type", "application/json")
	// Without it, an answer of this size is sent in chunks.
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(code)
	// A client that is gone needs no answer.
	_, _ = w.Write(data)
}

// nameOf returns the pod's name, or what it is generated from.
func nameOf(c *creation) string {
	if c.pod.Name != "" {
		return c.pod.Name
	}
	return c.pod.GenerateName
}
