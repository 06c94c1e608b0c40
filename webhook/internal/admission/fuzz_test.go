package admission

import (
	"encoding/json"
	"net/http"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	kjson "sigs.k8s.io/json"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/inject"
)

func seeds(f *testing.F) {
	f.Add([]byte(sampleReview(f)))
	f.Add([]byte(sample))
	f.Add([]byte(`{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview","request":{"uid":"1","resource":{"version":"v1","resource":"pods"},"operation":"CREATE","object":{"spec":[]}}}`))
	f.Add([]byte(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","operation":"DELETE","object":null}}`))
}

// FuzzServeHTTP checks that every body gets a valid response.
func FuzzServeHTTP(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		w := post(testHandler(testConfig()), string(body))
		switch w.Code {
		case http.StatusBadRequest:
		case http.StatusOK:
			var r admissionv1.AdmissionReview
			if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil || r.Response == nil {
				t.Fatalf("not an AdmissionReview: %v: %s", err, w.Body)
			}
			if !r.Response.Allowed && (r.Response.Result == nil || r.Response.Result.Message == "") {
				t.Fatalf("a denial without a reason: %s", w.Body)
			}
			if p := r.Response.Patch; p != nil && !json.Valid(p) {
				t.Fatalf("the patch is not JSON: %s", p)
			}
		default:
			t.Fatalf("HTTP %d: %s", w.Code, w.Body)
		}
	})
}

// FuzzDecode compares the decoder with the API server's: both must read the same pod.
func FuzzDecode(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		// An API server sends UTF-8 without duplicate names.
		if !jsontext.Value(body).IsValid() {
			return
		}
		var want, got review[inject.View]
		if err := kjson.UnmarshalCaseSensitivePreserveInts(body, &want); err != nil {
			return
		}
		if err := jsonv2.Unmarshal(body, &got, decodeOptions); err != nil {
			t.Fatalf("decoding: %v", err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}
