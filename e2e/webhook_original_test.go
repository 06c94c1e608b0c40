package e2e

import (
	"context"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// originalWebhook is the name of the webhook configuration of Azure Workload Identity.
const originalWebhook = "azure-wi-webhook-mutating-webhook-configuration"

// While the original webhook is installed, it injects the identity, and this webhook injects only
// the sidecar, which does not depend on it. This webhook notices installation and removal without a
// restart.
//
// The configuration applies to the whole cluster, so this test does not run in parallel with
// others.
func TestBesideOriginal(t *testing.T) {
	pod := newCertified(t, "original", "restricted")
	hasIdentity := func() bool { return len(tokens(admit(t, pod).Pod)) > 0 }
	if !hasIdentity() {
		t.Fatal("identity is not injected although no other webhook exists")
	}
	// It contains no webhook: only its existence counts.
	configurations := testEnv.Client.AdmissionregistrationV1().MutatingWebhookConfigurations()
	_, err := configurations.Create(testContext(t), &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: originalWebhook},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	remove := func(ctx context.Context) error {
		return configurations.Delete(ctx, originalWebhook, metav1.DeleteOptions{})
	}
	removed := false
	defer func() {
		if !removed {
			_ = remove(context.Background()) // the test has already failed
		}
	}()
	settles(t, "identity is left to the original webhook", func() bool { return !hasIdentity() })

	running := inService(t, pod)
	app := containerOf(t, running, "app")
	if len(app.Env) != 0 || len(tokens(running)) != 0 || len(mountsAt(app, contract.IdentityMountPath)) != 0 {
		t.Errorf("the app has variables or a token, which the original webhook would inject: %v, %v", app.Env, app.VolumeMounts)
	}
	inContainer(t, running, "app", "read", framework.StoreFile(pod.Name))

	if err := remove(testContext(t)); err != nil {
		t.Fatal(err)
	}
	removed = true
	pod.Name = "later"
	settles(t, "identity is injected again", hasIdentity)
}

// settles waits until all replicas have reached a state. Each replica learns of it through a watch,
// at its own pace. The state must hold many times in a row, because the API server distributes the
// requests over the replicas.
func settles(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx := testContext(t)
	for row := 0; row < 20; {
		if holds() {
			row++
		} else {
			row = 0
		}
		if ctx.Err() != nil {
			t.Fatalf("not for 20 pods in a row: %s", what)
		}
	}
}
