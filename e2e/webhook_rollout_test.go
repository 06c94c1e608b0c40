package e2e

import (
	"context"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
)

const webhookName = "azure-cert-sync-webhook"

// During three rollouts of the webhook with failurePolicy Fail, no pod is refused, and no pod is
// admitted without its sidecar.
//
// This test loads the whole node, so it does not run in parallel with others.
func TestRollingUpdate(t *testing.T) {
	const podsPerSecond = 50
	namespace := newNamespace(t, "rolling", "restricted", nil)
	newServiceAccount(t, namespace, "web", withClientID())
	start := time.Now()
	l := newLoad(t, namespace, podsPerSecond)
	for range 3 {
		if _, err := testEnv.Cluster.Kubectl(testContext(t), "rollout", "restart", "deployment/"+webhookName,
			"--namespace", framework.SystemNamespace); err != nil {
			t.Fatal(err)
		}
		rolledOut(t)
	}
	// Replaced replicas still serve the requests that reach them. When they have ended, their
	// connections must be closed.
	gone(t)
	created, refused := l.end()
	for _, err := range refused {
		t.Error(err)
	}
	t.Logf("%d pods were created in %.1f s while the webhook was rolled out 3 times, %d of them refused",
		created, time.Since(start).Seconds(), len(refused))
	if created < podsPerSecond {
		t.Errorf("only %d pods were created", created)
	}
	if stored := allInjected(t, namespace); stored != created-len(refused) {
		t.Errorf("%d pods exist", stored)
	}
}

// rolledOut waits until all replicas of the latest rollout are ready.
func rolledOut(t *testing.T) {
	t.Helper()
	if _, err := testEnv.Cluster.Kubectl(testContext(t), "rollout", "status", "deployment/"+webhookName,
		"--namespace", framework.SystemNamespace, "--timeout=2m"); err != nil {
		t.Fatal(err)
	}
}

// gone waits until only the webhook's pods of the latest rollout exist.
func gone(t *testing.T) {
	t.Helper()
	err := wait.PollUntilContextCancel(testContext(t), 200*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		deployment, err := testEnv.Client.AppsV1().Deployments(framework.SystemNamespace).Get(ctx, webhookName, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		pods, err := testEnv.Client.CoreV1().Pods(framework.SystemNamespace).List(ctx, ofWebhook)
		if err != nil {
			return false, err
		}
		return len(pods.Items) == int(*deployment.Spec.Replicas), nil
	})
	if err != nil {
		t.Fatalf("replaced pods of the webhook did not end: %v", err)
	}
}
