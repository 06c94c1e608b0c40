package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// With failurePolicy Ignore, the webhook finds pods that were created while no replica responded:
// an Event on each pod says what to do, and a metric counts them. Pods in excluded namespaces do
// not count.
//
// The policy applies to the whole cluster, so this test does not run in parallel with others.
func TestFailurePolicyIgnore(t *testing.T) {
	namespace := newNamespace(t, "ignore", "restricted", nil)
	// Its name sorts first, so its pods are checked before those that the test waits for.
	excluded := newNamespace(t, "excluded", "restricted", nil)
	for _, name := range []string{namespace, excluded} {
		newServiceAccount(t, name, "web", withClientID())
	}
	values := testEnv.Values()
	for key, value := range map[string]any{"failurePolicy": "Ignore", "replicas": 1, "excludedNamespaces": []any{excluded}} {
		values["webhook"].(map[string]any)[key] = value
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
		defer cancel()
		if err := testEnv.InstallChart(ctx); err != nil {
			t.Error(err)
		}
	}()
	if err := testEnv.UpgradeChart(testContext(t), values); err != nil {
		t.Fatal(err)
	}
	wanted := annotated(key("certificates"), secretURL("web"))
	create := func(namespace, name string, annotations map[string]string) *corev1.Pod {
		pod := labelled(namespace, "web", annotations)
		pod.Name = name
		keepOff(pod)
		pod, err := testEnv.Client.CoreV1().Pods(namespace).Create(testContext(t), pod, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return pod
	}
	untouched(t, create(excluded, "left-alone", wanted))
	containerOf(t, create(namespace, "seen", wanted), contract.ContainerName)
	scale(t, 0)
	untouched(t, create(namespace, "missed", wanted))
	scale(t, 1)

	event, err := testEnv.AwaitEvent(testContext(t), namespace, func(e *corev1.Event) bool { return e.Reason == "NotInjected" })
	if err != nil {
		t.Fatal(err)
	}
	if event.InvolvedObject.Name != "missed" {
		t.Errorf("the event concerns pod %s", event.InvolvedObject.Name)
	}
	// A pod that the webhook has seen is marked, so that the search for missed pods can skip it.
	if mark := firstSeen(t, labelled(namespace, "web", nil)).Annotations[key(contract.KeyInjected)]; mark != "true" {
		t.Errorf("a pod with identity alone is marked as %q", mark)
	}
	wantAll(t, "the event", event.Message, []string{contract.LabelUse, "Delete the pod"})
	awaitMetric(t, "certsync_webhook_uninjected_pods 1")
}

// firstSeen returns the pod as the webhook admits it, with dry runs only. It retries, because the
// API server learns of a replica a moment after the replica is ready.
func firstSeen(t *testing.T, pod *corev1.Pod) (seen *corev1.Pod) {
	t.Helper()
	err := wait.PollUntilContextCancel(testContext(t), 200*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		var err error
		seen, err = testEnv.Client.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err == nil && len(tokens(seen)) > 0, err
	})
	if err != nil {
		t.Fatalf("the API server did not call the webhook: %v", err)
	}
	return seen
}

// awaitMetric waits until the webhook's only replica reports a sample.
func awaitMetric(t *testing.T, sample string) {
	t.Helper()
	var text []byte
	err := wait.PollUntilContextCancel(testContext(t), 200*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		pods, err := testEnv.Client.CoreV1().Pods(framework.SystemNamespace).List(ctx, ofWebhook)
		if err != nil {
			return false, err
		}
		text, err = testEnv.Client.CoreV1().Pods(framework.SystemNamespace).ProxyGet("http", pods.Items[0].Name, "8095", "metrics", nil).DoRaw(ctx)
		return strings.Contains(string(text), "\n"+sample+"\n"), err
	})
	if err != nil {
		t.Fatalf("the metrics do not contain %q: %v\n%s", sample, err, text)
	}
}
