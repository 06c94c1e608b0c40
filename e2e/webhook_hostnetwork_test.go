package e2e

import (
	"context"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// With hostNetwork, for network plugins through which the API server does not reach pods, the
// webhook serves on the node's address and on other ports. Its namespace must allow that.
//
// The whole installation changes, so this test does not run in parallel with others.
func TestWebhookHostNetwork(t *testing.T) {
	namespace := newNamespace(t, "host-network", "restricted", nil)
	newServiceAccount(t, namespace, "web", withClientID())
	values := testEnv.Values()
	for key, value := range map[string]any{
		"hostNetwork": true, "replicas": 1, "ports": map[string]any{"webhook": 19443, "health": 19440, "metrics": 18095},
	} {
		values["webhook"].(map[string]any)[key] = value
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
		defer cancel()
		if err := testEnv.InstallChart(ctx); err != nil {
			t.Error(err)
		}
	})
	helm := func(ctx context.Context, args ...string) (string, error) {
		_, err := testEnv.Cluster.Kubectl(ctx, "label", "namespace", framework.SystemNamespace, "--overwrite", "pod-security.kubernetes.io/enforce=privileged")
		if err != nil {
			return "", err
		}
		return testEnv.Cluster.Helm(ctx, args...)
	}
	if err := testEnv.UpgradeChartBy(testContext(t), helm, values); err != nil {
		t.Fatal(err)
	}
	gone(t)
	pods, err := testEnv.Client.CoreV1().Pods(framework.SystemNamespace).List(testContext(t), ofWebhook)
	if err != nil || len(pods.Items) != 1 {
		t.Fatalf("the webhook has %d pods, want 1: %v", len(pods.Items), err)
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		if !pod.Spec.HostNetwork || pod.Status.PodIP != pod.Status.HostIP || pod.Status.HostIP == "" {
			t.Errorf("pod %s: hostNetwork %v, address %s on the node %s", pod.Name, pod.Spec.HostNetwork, pod.Status.PodIP, pod.Status.HostIP)
		}
	}
	admitted := admit(t, labelled(namespace, "web", annotated(key("certificates"), secretURL("web"))))
	containerOf(t, admitted.Pod, contract.ContainerName)
}
