package inject

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

// Warnings without number are cut to twenty, in the response as in the annotation.
func TestManyWarnings(t *testing.T) {
	warnings := make([]string, 5000)
	for i := range warnings {
		warnings[i] = fmt.Sprintf("warning %d", i)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"a": "b"}}}
	r, err := Pod(pod, &settings.Identity{}, &settings.Resolved{Warnings: warnings}, &Options{})
	if err != nil {
		t.Fatal(err)
	}
	if last := r.Warnings[len(r.Warnings)-1]; len(r.Warnings) != 20 || last != "and 4981 more warnings" {
		t.Errorf("got %d warnings, the last one %q", len(r.Warnings), last)
	}
	for _, o := range r.Patch {
		if text, ok := o.Value.(string); ok && strings.HasSuffix(o.Path, contract.KeyWarnings) {
			if n := strings.Count(text, "\n"); n != 19 {
				t.Errorf("the annotation has %d lines", n+1)
			}
			return
		}
	}
	t.Errorf("no annotation with the warnings: %v", r.Patch)
}
