package admission

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/annotations"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/inject"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/memo"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

// post sends a body as the API server does.
func post(h http.Handler, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/mutate-v1-pod?timeout=5s", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// responseOf decodes the AdmissionReview in a response.
func responseOf(t *testing.T, w *httptest.ResponseRecorder) *admissionv1.AdmissionReview {
	t.Helper()
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("status %d, %s: %s", w.Code, w.Header().Get("Content-Type"), w.Body)
	}
	var r admissionv1.AdmissionReview
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return &r
}

// sampleReview returns the review of a Deployment's pod as an API server sent it, with
// replacements.
func sampleReview(t testing.TB, oldnew ...string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/review.json")
	if err != nil {
		t.Fatal(err)
	}
	s := string(data)
	for i := 0; i < len(oldnew); i += 2 {
		if !strings.Contains(s, oldnew[i]) {
			t.Fatalf("testdata/review.json has no %q", oldnew[i])
		}
		s = strings.Replace(s, oldnew[i], oldnew[i+1], 1)
	}
	return s
}

func outcomesOf(h *Handler) map[outcome]float64 {
	counts := map[outcome]float64{}
	for o, c := range h.metrics.requests {
		if n := testutil.ToFloat64(c); n != 0 {
			counts[o] = n
		}
	}
	return counts
}

const sampleUID = "705ab4f5-6393-11e8-b7cc-42010a800002"

func TestInjection(t *testing.T) {
	for _, version := range []string{"admission.k8s.io/v1", "admission.k8s.io/v1beta1"} {
		t.Run(version, func(t *testing.T) {
			h := testHandler(testConfig())
			r := responseOf(t, post(h, sampleReview(t, "admission.k8s.io/v1", version)))
			if r.APIVersion != version || r.Kind != "AdmissionReview" || r.Response.UID != sampleUID {
				t.Errorf("response is %s %s, uid %q", r.APIVersion, r.Kind, r.Response.UID)
			}
			if !r.Response.Allowed || r.Response.PatchType == nil || *r.Response.PatchType != admissionv1.PatchTypeJSONPatch {
				t.Fatalf("want an allowed response with a JSON patch, got %+v", r.Response)
			}
			for _, want := range []string{contract.ContainerName, contract.IdentityMountPath, contract.EnvSettings} {
				if !strings.Contains(string(r.Response.Patch), want) {
					t.Errorf("the patch does not mention %s", want)
				}
			}
			if diff := cmp.Diff(map[outcome]float64{injected: 1}, outcomesOf(h)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestAssignedUser checks that the sidecar's user is left to OpenShift where it assigns the app's.
func TestAssignedUser(t *testing.T) {
	for userRange, set := range map[string]bool{"": true, "2000/10": true, "1000/10": false} {
		c := testConfig()
		c.Namespace = func(context.Context, string, string) (map[string]string, error) {
			return map[string]string{annotations.AnnotationUserRange: userRange}, nil
		}
		r := responseOf(t, post(testHandler(c), sampleReview(t)))
		if got := strings.Contains(string(r.Response.Patch), `"runAsUser":1000`); got != set {
			t.Errorf("range %q: the patch sets the user: %t, want %t", userRange, got, set)
		}
	}
}

func TestAllowedWithoutPatch(t *testing.T) {
	label := `"azure.workload.identity/use":"true"`
	for name, replace := range map[string][]string{
		"update":       {`"operation":"CREATE"`, `"operation":"UPDATE"`},
		"delete":       {`"operation":"CREATE"`, `"operation":"DELETE"`},
		"connect":      {`"operation":"CREATE"`, `"operation":"CONNECT"`},
		"subresource":  {`"operation"`, `"subResource":"ephemeralcontainers","operation"`},
		"other kind":   {`"resource":"pods"`, `"resource":"services"`},
		"other group":  {`"group":"","version":"v1","resource":"pods"`, `"group":"x","version":"v1","resource":"pods"`},
		"no label":     {label, `"a":"b"`},
		"label false":  {label, `"azure.workload.identity/use":"false"`},
		"other object": {`"resource":"pods"`, `"resource":"things"`, `"spec":{`, `"spec":[],"x":{`},
	} {
		t.Run(name, func(t *testing.T) {
			h := testHandler(testConfig())
			r := responseOf(t, post(h, sampleReview(t, replace...)))
			want := &admissionv1.AdmissionResponse{UID: sampleUID, Allowed: true}
			if diff := cmp.Diff(want, r.Response); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(map[outcome]float64{skipped: 1}, outcomesOf(h)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStaticPodGetsAWarning(t *testing.T) {
	r := responseOf(t, post(testHandler(testConfig()), sampleReview(t, `"prometheus.io/scrape"`, `"kubernetes.io/config.mirror"`)))
	if !r.Response.Allowed || r.Response.Patch != nil || len(r.Response.Warnings) != 1 {
		t.Errorf("got %+v", r.Response)
	}
}

func TestDenials(t *testing.T) {
	notFound := func(kind, namespace string) Annotations {
		return func(_ context.Context, _, name string) (map[string]string, error) {
			return nil, &annotations.NotFoundError{Kind: kind, Namespace: namespace, Name: name}
		}
	}
	for name, test := range map[string]struct {
		replace []string
		change  func(*Config)
		code    int32
		reason  metav1.StatusReason
		text    []string
	}{
		"not a pod": {
			replace: []string{`"spec":{`, `"spec":[],"x":{`},
			code:    400, reason: metav1.StatusReasonBadRequest, text: []string{"not a v1 Pod", "spec"},
		},
		"vault that is not allowed": {
			replace: []string{"vault.azure.net", "example.com"},
			code:    400, reason: metav1.StatusReasonBadRequest,
			text: []string{contract.Prefix + contract.KeyCertificates, "on the pod", "example.com", "vault.azure.net"},
		},
		"missing service account": {
			change: func(c *Config) { c.ServiceAccount = notFound("service account", "team-005") },
			code:   403, reason: metav1.StatusReasonForbidden,
			text: []string{`service account "workload-account-00005"`, `namespace "team-005"`, "create it"},
		},
		"missing default service account": {
			replace: []string{`"serviceAccountName":"workload-account-00005",`, ""},
			change:  func(c *Config) { c.ServiceAccount = notFound("service account", "team-005") },
			code:    403, reason: metav1.StatusReasonForbidden, text: []string{`service account "default"`},
		},
		"missing namespace": {
			change: func(c *Config) { c.Namespace = notFound("namespace", "") },
			code:   403, reason: metav1.StatusReasonForbidden, text: []string{`namespace "team-005"`},
		},
		"missing ConfigMap": {
			replace: []string{
				contract.KeyCertificates + `":"https://vault-one.vault.azure.net/secrets/c1"`,
				contract.KeySettingsConfigMap + `":"web-certs"`,
			},
			change: func(c *Config) {
				c.ConfigMap = func(context.Context, string, string) (*settings.ConfigMap, error) {
					return &settings.ConfigMap{Missing: true}, nil
				}
			},
			code: 400, reason: metav1.StatusReasonBadRequest, text: []string{contract.KeySettingsConfigMap, "web-certs"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := testConfig()
			if test.change != nil {
				test.change(c)
			}
			h := testHandler(c)
			r := responseOf(t, post(h, sampleReview(t, test.replace...))).Response
			if r.Allowed || r.UID != sampleUID || r.Result == nil {
				t.Fatalf("not denied: %+v", r)
			}
			if r.Result.Code != test.code || r.Result.Reason != test.reason {
				t.Errorf("code %d, reason %s; want %d, %s", r.Result.Code, r.Result.Reason, test.code, test.reason)
			}
			for _, want := range test.text {
				if !strings.Contains(r.Result.Message, want) {
					t.Errorf("message %q does not mention %q", r.Result.Message, want)
				}
			}
			if diff := cmp.Diff(map[outcome]float64{denied: 1}, outcomesOf(h)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	for name, test := range map[string]struct {
		method, contentType, body string
		change                    func(*Config)
		code                      int
		text                      string
	}{
		"GET":              {method: http.MethodGet, code: 405, text: "POST"},
		"content type":     {contentType: "text/plain", code: 415, text: "application/json"},
		"no content type":  {contentType: "-", code: 415, text: "application/json"},
		"empty":            {code: 400, text: "not an AdmissionReview"},
		"not JSON":         {body: "{", code: 400, text: "not an AdmissionReview"},
		"array":            {body: "[]", code: 400, text: "not an AdmissionReview"},
		"other kind":       {body: `{"apiVersion":"v1","kind":"Pod"}`, code: 400, text: "not an AdmissionReview"},
		"other version":    {body: `{"apiVersion":"admission.k8s.io/v2","kind":"AdmissionReview","request":{}}`, code: 400, text: "admission.k8s.io/v2"},
		"no request":       {body: `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}`, code: 400, text: "request is missing"},
		"too large":        {body: strings.Repeat(" ", maxBody+1), code: 413, text: fmt.Sprint(maxBody)},
		"API server fails": {body: "sample", change: func(c *Config) { c.ServiceAccount = failing }, code: 500, text: "connection refused"},
		"panic":            {body: "sample", change: func(c *Config) { c.ServiceAccount = nil }, code: 500, text: "see the webhook's log"},
	} {
		t.Run(name, func(t *testing.T) {
			c := testConfig()
			if test.change != nil {
				test.change(c)
			}
			h := testHandler(c)
			if test.body == "sample" {
				test.body = sampleReview(t)
			}
			if test.method == "" {
				test.method = http.MethodPost
			}
			r := httptest.NewRequest(test.method, "/mutate-v1-pod", strings.NewReader(test.body))
			switch test.contentType {
			case "":
				r.Header.Set("Content-Type", "application/json; charset=utf-8")
			case "-":
			default:
				r.Header.Set("Content-Type", test.contentType)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			var status metav1.Status
			if err := json.Unmarshal(w.Body.Bytes(), &status); err != nil {
				t.Fatalf("%v: %s", err, w.Body)
			}
			if w.Code != test.code || status.Code != int32(test.code) || status.Kind != "Status" || !strings.Contains(status.Message, test.text) {
				t.Errorf("HTTP %d: %s; want %d with %q", w.Code, w.Body, test.code, test.text)
			}
			if diff := cmp.Diff(map[outcome]float64{failed: 1}, outcomesOf(h)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func failing(context.Context, string, string) (map[string]string, error) {
	return nil, errors.New("connection refused")
}

func TestWarmUpIsNotCounted(t *testing.T) {
	c := testConfig()
	options, admitted := c.Options, 0
	c.Options = func() *inject.Options {
		admitted++
		return options()
	}
	h := testHandler(c)
	h.WarmUp(t.Context())
	if admitted == 0 {
		t.Error("the warm-up did not admit a pod")
	}
	if diff := cmp.Diff(map[outcome]float64{}, outcomesOf(h)); diff != "" {
		t.Error(diff)
	}
}

// TestWarmUpSampleIsInjected checks that the warm-up runs all of the code.
func TestWarmUpSampleIsInjected(t *testing.T) {
	r := responseOf(t, post(testHandler(testConfig()), sample))
	if !strings.Contains(string(r.Response.Patch), contract.ContainerName) {
		t.Errorf("the patch for the sample has no sidecar: %+v", r.Response)
	}
	if request, ok := memo.Parse([]byte(sample)); !ok || !request.Check() || !strings.Contains(sample, sampleName) {
		t.Error("the response to the sample is not repeated, or each sample is of the same pod")
	}
}
