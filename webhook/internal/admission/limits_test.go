package admission

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// podReview returns the review of a labelled pod with more JSON in its metadata and its spec.
func podReview(metadata, spec string) string {
	return `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"` + sampleUID + `",
"resource":{"version":"v1","resource":"pods"},"namespace":"n","operation":"CREATE","object":{
"metadata":{"name":"a","labels":{"` + contract.LabelUse + `":"true"}` + metadata + `},"spec":{` + spec + `}}}}`
}

// elements returns n copies of a JSON value, separated by commas.
func elements(n int, value string) string {
	return strings.TrimSuffix(strings.Repeat(value+",", n), ",")
}

func annotationsOf(keysAndValues ...string) string {
	var pairs []string
	for i := 0; i < len(keysAndValues); i += 2 {
		pairs = append(pairs, fmt.Sprintf("%q:%q", keysAndValues[i], keysAndValues[i+1]))
	}
	return `,"annotations":{` + strings.Join(pairs, ",") + `}`
}

const oneContainer = `"containers":[{"name":"a"}]`

// overLimits are pods that are denied with the text. Most are a few MB, and would be hundreds of MB
// as a pod.
var overLimits = map[string]struct{ review, text string }{
	"containers":      {podReview("", `"containers":[`+elements(99_000, "{}")+`]`), "1,000 containers"},
	"more containers": {podReview("", `"containers":[`+elements(1_000_000, "{ }")+`]`), "100,000 JSON values"},
	"null containers": {podReview("", `"containers":[`+elements(90_000, "null")+`]`), "1,000 containers"},
	"init containers": {podReview("", `"initContainers":[`+elements(1001, "{}")+`],`+oneContainer), "1,000 containers"},
	"both":            {podReview("", `"initContainers":[`+elements(500, "{}")+`],"containers":[`+elements(501, "{}")+`]`), "1,000 containers"},
	"mounts":          {podReview("", `"containers":[{"volumeMounts":[`+elements(90_000, "{}")+`]}]`), "1,000 volume mounts"},
	"spread mounts":   {podReview("", `"containers":[`+elements(11, `{"volumeMounts":[`+elements(91, "{}")+`]}`)+`]`), "1,000 volume mounts"},
	"volumes":         {podReview("", `"volumes":[`+elements(90_000, "{}")+`],`+oneContainer), "1,000 volumes"},
	"ports":           {podReview("", `"containers":[{"ports":[`+elements(2_000_000, "{}")+`]}]`), "100,000 JSON values"},
	"unknown fields":  {podReview(`,"x":[`+elements(2_000_000, "0")+`]`, oneContainer), "100,000 JSON values"},
	"deep":            {podReview(`,"x":`+strings.Repeat("[", 9000)+strings.Repeat("]", 9000), `"containers":[`+elements(95_000, "[0]")+`]`), "100,000 JSON values"},
	"one annotation":  {podReview(annotationsOf(contract.Prefix+"settings", strings.Repeat(" ", maxAnnotations)), oneContainer), `"certsync.azure.workload.identity/settings"`},
	"many annotations": {podReview(annotationsOf(contract.IdentityPrefix+"a", strings.Repeat("a", maxAnnotations/2),
		contract.Prefix+"b", strings.Repeat("a", maxAnnotations/2)), oneContainer), "262144 are allowed"},
}

func TestPodsOverALimitAreDenied(t *testing.T) {
	for name, test := range overLimits {
		t.Run(name, func(t *testing.T) {
			h := testHandler(testConfig())
			r := responseOf(t, post(h, test.review)).Response
			if r.Allowed || r.UID != sampleUID || r.Result == nil || r.Result.Code != http.StatusBadRequest || r.Result.Reason != metav1.StatusReasonBadRequest {
				t.Fatalf("got %+v, want a denial", r)
			}
			if !strings.Contains(r.Result.Message, test.text) || len(r.Result.Message) > 500 {
				t.Errorf("message %q does not mention %q", r.Result.Message, test.text)
			}
			wantWhole(t, h)
		})
	}
}

// TestDecodingIsBounded counts the bytes that are allocated for each of these pods, other than the
// body.
func TestDecodingIsBounded(t *testing.T) {
	for name, test := range overLimits {
		allocated := allocatedBy(func() {
			if _, err := decodeWithin(t.Context(), []byte(test.review), &charge{budget: newBudget()}); err != nil {
				_ = err.Error()
			}
		})
		// One copy is the argument, and one may be the strings.
		if most := uint64(2*len(test.review) + 2<<20); allocated > most {
			t.Errorf("%s: %d KiB allocated for a body of %d KiB", name, allocated>>10, len(test.review)>>10)
		}
	}
}

func allocatedBy(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestPodsAtTheLimitsAreAdmitted(t *testing.T) {
	var containers strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&containers, `,{"name":"c%d","volumeMounts":[{"name":"v%d","mountPath":"/v"}]}`, i, i)
	}
	var volumes strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&volumes, `,{"name":"v%d"}`, i)
	}
	for name, review := range map[string]string{
		"containers, mounts and volumes": podReview("", `"containers":[`+containers.String()[1:]+`],"volumes":[`+volumes.String()[1:]+`]`),
		"commas in a string":             podReview(annotationsOf("example.com/list", strings.Repeat(`,{[\"`, 100_000)), oneContainer),
		"values":                         podReview(`,"x":[`+elements(99_000, "0")+`]`, oneContainer),
		"other annotations":              podReview(annotationsOf("example.com/a", strings.Repeat("a", 3<<20)), oneContainer),
		"null lists":                     podReview("", `"initContainers":null,"volumes":null,"containers":[{"name":"a","volumeMounts":null}]`),
	} {
		t.Run(name, func(t *testing.T) {
			h := testHandler(testConfig())
			if r := responseOf(t, post(h, review)).Response; !r.Allowed || r.Patch == nil {
				t.Errorf("got %+v", r.Result)
			}
			wantWhole(t, h)
		})
	}
}

// TestLargePodsAreCharged holds a pod with many small values while it waits for its service account.
func TestLargePodsAreCharged(t *testing.T) {
	c := testConfig()
	h := testHandler(c)
	account := c.ServiceAccount
	var left int64
	h.config.ServiceAccount = func(ctx context.Context, namespace, name string) (map[string]string, error) {
		for left = largeBudget; !h.budget.large.TryAcquire(left); left -= 64 << 10 {
		}
		h.budget.large.Release(left)
		return account(ctx, namespace, name)
	}
	post(h, podReview("", `"containers":[`+elements(1000, `{"ports":[`+elements(20, "{}")+`]}`)+`]`))
	// 1,000 containers and 20,000 ports.
	if charged := largeBudget - left; charged < 4<<20 {
		t.Errorf("a pod of several MB in memory is charged %d bytes", charged)
	}
	wantWhole(t, h)
	post(h, sampleReview(t))
	if left != largeBudget {
		t.Error("an ordinary pod uses the budget for large ones")
	}
}

// TestUninjectedRefusesTheSamePods checks that an existing pod has the same bounds.
func TestUninjectedRefusesTheSamePods(t *testing.T) {
	labels := map[string]string{contract.LabelUse: "true"}
	for name, pod := range map[string]*corev1.Pod{
		"ephemeral containers": {Spec: corev1.PodSpec{
			Containers: make([]corev1.Container, 1), EphemeralContainers: make([]corev1.EphemeralContainer, 1000),
		}},
		"annotations": {ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{
			contract.Prefix + contract.KeySettings: strings.Repeat("[", maxAnnotations),
		}}},
	} {
		pod.Labels = labels
		uninjected, reason, err := testConfig().Uninjected(t.Context(), pod)
		if !uninjected || reason == "" || err != nil {
			t.Errorf("%s: got %v, %q, %v; want a pod that admission denies", name, uninjected, reason, err)
		}
	}
}

// TestUninjectedSurvivesAPanic checks that a pod on which admission fails does not end the process.
func TestUninjectedSurvivesAPanic(t *testing.T) {
	c := testConfig()
	c.ServiceAccount = nil
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{contract.LabelUse: "true"}}}
	if uninjected, _, err := c.Uninjected(t.Context(), pod); uninjected || err == nil {
		t.Errorf("got %v, %v; want an error", uninjected, err)
	}
}
