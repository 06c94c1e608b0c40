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

// review has the fields of an AdmissionReview that are needed. Both versions are the same on the
// wire. Object is the type that request.object is decoded into.
//
// Source:
// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request
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

// decodeOptions make the decoder as lenient as the API server's own decoder. Names are
// case-sensitive by default in both: "Name" is an unknown field, not the name.
//
// The decoder is that of encoding/json/v2, which is still an experiment in the standard library. It
// reads the text once, where other decoders check the syntax first. That halves the time of
// decoding, the largest part of an admission. A fuzz test compares it with the API server's
// decoder.
var decodeOptions = jsonv2.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// creation is a request that creates a pod. The pod has only the fields of inject.View.
type creation struct {
	apiVersion string
	uid        types.UID
	namespace  string
	pod        *corev1.Pod
}

var errNotReview = errors.New("the body is not an AdmissionReview of admission.k8s.io/v1 or v1beta1")

// decode reads an AdmissionReview. The creation's pod is nil if the request does not create a pod.
// If the error is about the pod, the creation is set and has the request's uid; otherwise the error
// wraps errNotReview.
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

// decodeOther reads the review of an object that was not decoded as a pod. It may be of another
// kind.
func decodeOther(body []byte, cause error) (*creation, error) {
	var r review[jsontext.Value]
	if err := jsonv2.Unmarshal(body, &r, decodeOptions); err != nil {
		return nil, fmt.Errorf("%w: %w", errNotReview, err)
	}
	c, err := header(&r)
	if err == nil && isPodCreation(r.Request) {
		err = fmt.Errorf("request.object is not a v1 Pod: %w", cause)
	}
	return c, err
}

func header[Object any](r *review[Object]) (*creation, error) {
	switch {
	case r.Kind != reviewKind,
		r.APIVersion != admissionv1.SchemeGroupVersion.String() && r.APIVersion != admissionv1beta1.SchemeGroupVersion.String():
		return nil, fmt.Errorf("%w: apiVersion %.100q, kind %.100q", errNotReview, r.APIVersion, r.Kind)
	case r.Request == nil:
		return nil, fmt.Errorf("%w: request is missing", errNotReview)
	}
	return &creation{apiVersion: r.APIVersion, uid: r.Request.UID, namespace: r.Request.Namespace}, nil
}

func isPodCreation[Object any](r *request[Object]) bool {
	return r.Operation == admissionv1.Create && r.SubResource == "" &&
		r.Resource == metav1.GroupVersionResource{Version: "v1", Resource: "pods"}
}

// appendReview appends an AdmissionReview of the request's version with the response. Patches are
// large, and json.Marshal would copy a patch three times, so the patch is added by hand.
func appendReview(b []byte, c *creation, r *admissionv1.AdmissionResponse) ([]byte, error) {
	patch := r.Patch
	r.UID, r.Patch = c.uid, nil
	response, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	b = append(append(append(b, `{"kind":"`+reviewKind+`","apiVersion":"`...), c.apiVersion...), `","response":`...)
	if patch != nil {
		response = response[:len(response)-1] // without the closing brace
		b = append(append(b, response...), `,"patch":"`...)
		b = append(base64.StdEncoding.AppendEncode(b, patch), `"}`...)
	} else {
		b = append(b, response...)
	}
	return append(b, '}'), nil
}
