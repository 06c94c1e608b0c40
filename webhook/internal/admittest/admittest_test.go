package admittest_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/admittest"
)

type api func(*corev1.Pod) (*corev1.Pod, error)

func (f api) DryRunPod(_ context.Context, p *corev1.Pod) (*corev1.Pod, error) { return f(p) }

// TestHelmTest of the end-to-end tests runs the same against a real API server.
func TestRun(t *testing.T) {
	injected := func(p *corev1.Pod) (*corev1.Pod, error) {
		p.Spec.InitContainers = []corev1.Container{{Name: contract.ContainerName, Image: "registry.example.com/sidecar:1"}}
		return p, nil
	}
	var sent *corev1.Pod
	outcome, err := admittest.Run(t.Context(), api(func(p *corev1.Pod) (*corev1.Pod, error) { sent = p; return injected(p.DeepCopy()) }),
		admittest.Options{Namespace: "apps", Labels: map[string]string{"tier": "b"}, VaultSuffix: "vault.azure.cn"})
	if want := "the webhook admits a pod in namespace apps, with the sidecar registry.example.com/sidecar:1"; err != nil || outcome != want {
		t.Errorf("%q, %v, want %q", outcome, err, want)
	}
	if sent.Namespace != "apps" || sent.Labels["tier"] != "b" || sent.Labels[contract.LabelUse] != "true" ||
		sent.Annotations[contract.Prefix+contract.KeyCertificates] != "https://example.vault.azure.cn/secrets/example" {
		t.Errorf("sent %+v", sent.ObjectMeta)
	}
}

// Each error says which part failed and what to check.
func TestErrors(t *testing.T) {
	status := func(code int32, reason metav1.StatusReason, message string) error {
		return &apierrors.StatusError{ErrStatus: metav1.Status{Code: code, Reason: reason, Message: message}}
	}
	internal := func(message string) error {
		return status(http.StatusInternalServerError, metav1.StatusReasonInternalError,
			`Internal error occurred: failed calling webhook "mutation.certsync.azure.workload.identity": failed to call webhook: Post "https://x": `+message)
	}
	for message, tt := range map[string]error{
		"did not send the pod to the webhook":       nil,
		"the API server does not respond: no route": errors.New("no route"),
		"caBundle":                       internal("tls: failed to verify certificate: x509: certificate signed by unknown authority"),
		"no replica is ready":            internal(`no endpoints available for service "azure-cert-sync-webhook"`),
		"network policies and firewalls": internal("context deadline exceeded"),
		"install the chart again":        internal(`service "azure-cert-sync-webhook" not found`),
		"a webhook refuses the pod": status(http.StatusForbidden, metav1.StatusReasonForbidden,
			`admission webhook "mutation.certsync.azure.workload.identity" denied the request: no`),
		"check that the Role and RoleBinding": status(http.StatusForbidden, metav1.StatusReasonForbidden,
			`pods is forbidden: User "system:serviceaccount:a:b" cannot create resource "pods" in API group "" in the namespace "apps"`),
		"namespace apps does not exist": status(http.StatusNotFound, metav1.StatusReasonNotFound, `namespaces "apps" not found`),
		"policy or quota of namespace apps": status(http.StatusForbidden, metav1.StatusReasonForbidden,
			`pods "certsync-test-x" is forbidden: exceeded quota: pods`),
	} {
		_, err := admittest.Run(t.Context(), api(func(p *corev1.Pod) (*corev1.Pod, error) { return p, tt }), admittest.Options{Namespace: "apps"})
		if err == nil || !strings.Contains(err.Error(), message) || tt != nil && !errors.Is(err, tt) {
			t.Errorf("%v: %v, want it to contain %q", tt, err, message)
		}
	}
}
