package admission

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	admissionv1 "k8s.io/api/admission/v1"
	admissionv1beta1 "k8s.io/api/admission/v1beta1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/inject"
)

const reviewKind = "AdmissionReview"

// review is an AdmissionReview of either version, which are the same on the wire, as far as it is needed. Object is
// what request.object is decoded into.
//
// Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request
type review[Object any] struct {
	APIVersion string           `json:"apiVersion"`
	Kind       string           `json:"kind"`
	Request    *request[Object] `json:"request"`
}

type request[Object any] struct {
	UID         types.UID                   `json:"uid"`
	Resource    metav1.GroupVersionResource `json:"resource"`
	SubResource string                      `json:"subResource"`
	Namespace   string                      `json:"namespace"`
	Operation   admissionv1.Operation       `json:"operation"`
	Object      Object                      `json:"object"`
}

// decodeOptions make the decoder as lenient as the API server's own is with what it sends. That names are case-sensitive is
// the decoder's default, as it is the API server's: "Name" is an unknown field, not the name.
//
// The decoder is that of encoding/json/v2, which the standard library has as an experiment still. It reads in one pass, where
// others check the syntax first, which halves the time of an admission's largest part. A fuzz test holds it against the
// API server's decoder.
var decodeOptions = jsonv2.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// creation is the creation of a pod, which has what inject.View has.
type creation struct {
	apiVersion string
	uid        types.UID
	namespace  string
	pod        *corev1.Pod
}

// errReview says that a body is no AdmissionReview.
var errReview = errors.New("the body is no AdmissionReview of admission.k8s.io/v1 or v1beta1")

// decode reads an AdmissionReview. The creation's pod is nil where the request is about something else. The error
// wraps errReview, or is about the pod, and then the creation has its uid.
func decode(body []byte) (*creation, error) {
	var r review[inject.View]
	if err := jsonv2.Unmarshal(body, &r, decodeOptions); err != nil {
		return decodeOther(body, err)
	}
	c, err := header(&r)
	if err == nil && isPodCreation(r.Request) {
		c.pod = r.Request.Object.Pod()
		if c.pod.Namespace == "" {
			c.pod.Namespace = c.namespace
		}
	}
	return c, err
}

// decodeOther reads the review of an object that did not decode as a pod: it may be of another kind.
func decodeOther(body []byte, cause error) (*creation, error) {
	var r review[jsontext.Value]
	if err := jsonv2.Unmarshal(body, &r, decodeOptions); err != nil {
		return nil, fmt.Errorf("%w: %w", errReview, err)
	}
	c, err := header(&r)
	if err == nil && isPodCreation(r.Request) {
		err = fmt.Errorf("request.object is no pod of v1: %w", cause)
	}
	return c, err
}

func header[Object any](r *review[Object]) (*creation, error) {
	switch {
	case r.Kind != reviewKind,
		r.APIVersion != admissionv1.SchemeGroupVersion.String() && r.APIVersion != admissionv1beta1.SchemeGroupVersion.String():
		return nil, fmt.Errorf("%w: apiVersion %.100q, kind %.100q", errReview, r.APIVersion, r.Kind)
	case r.Request == nil:
		return nil, fmt.Errorf("%w: request is missing", errReview)
	}
	return &creation{apiVersion: r.APIVersion, uid: r.Request.UID, namespace: r.Request.Namespace}, nil
}

func isPodCreation[Object any](r *request[Object]) bool {
	return r.Operation == admissionv1.Create && r.SubResource == "" &&
		r.Resource == metav1.GroupVersionResource{Version: "v1", Resource: "pods"}
}

// appendReview appends an AdmissionReview of the request's version with the answer. Patches are large, and json.Marshal
// would copy one three times; so what is not a plain string is put together here.
func appendReview(b []byte, c *creation, a *admissionv1.AdmissionResponse) ([]byte, error) {
	patch := a.Patch
	a.UID, a.Patch = c.uid, nil
	answer, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	b = append(append(append(b, `{"kind":"`+reviewKind+`","apiVersion":"`...), c.apiVersion...), `","response":`...)
	if patch != nil {
		answer = answer[:len(answer)-1] // its closing brace
		b = append(append(b, answer...), `,"patch":"`...)
		b = append(base64.StdEncoding.AppendEncode(b, patch), `"}`...)
	} else {
		b = append(b, answer...)
	}
	return append(b, '}'), nil
}
