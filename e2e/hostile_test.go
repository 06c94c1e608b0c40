package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/hostile"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// What a tenant may put on a pod costs the webhook nothing: the pod is denied with the reason, no
// replica ends, and the next pod is admitted. "make abuse" has more of this, with memory and time.
func TestHostilePods(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t, "hostile", "restricted", nil)
	newServiceAccount(t, namespace, "web", withClientID())
	before := restartsOf(t, webhookPods(t))
	settings := func(text string) *corev1.Pod { return labelled(namespace, "web", annotated(key("settings"), text)) }
	containers := labelled(namespace, "web", nil)
	for i := range 1100 {
		c := *containers.Spec.Containers[0].DeepCopy()
		c.Name = fmt.Sprintf("c%d", i)
		containers.Spec.Containers = append(containers.Spec.Containers, c)
	}
	for name, c := range map[string]struct {
		pod  *corev1.Pod
		want string
	}{
		"deep settings":   {settings(strings.Repeat("[", 20<<10)), "nested more than 16 levels deep"},
		"long settings":   {settings(hostile.Settings["wide object"](200 << 10)), "more than the limit of 98304"},
		"duplicate keys":  {settings(hostile.Settings["duplicate keys"](80 << 10)), "duplicate key"},
		"many entries":    {settings(hostile.Settings["empty entries"](80 << 10)), "at most 2500 are allowed"},
		"many stores":     {settings(hostile.Settings["many stores"](80 << 10)), "at most 32"},
		"many containers": {containers, "1,000 containers"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := accepted(t, c.pod); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %.300v, want %q", err, c.want)
			}
		})
	}
	admit(t, labelled(namespace, "web", nil))
	if after := restartsOf(t, webhookPods(t)); after != before {
		t.Errorf("the replicas have restarted %d times, before %d", after, before)
	}
}

// An edit of a ConfigMap that needs much memory does not end the sidecars that mount it, nor keeps
// them from starting again.
func TestHostileConfigMap(t *testing.T) {
	t.Parallel()
	pod := newCertified(t, "hostile-settings", "restricted")
	newConfigMap(t, pod.Namespace, "certs", observe(t, pod.Name))
	pod.Annotations = annotated(key("settings-configmap"), "certs")
	pod = inService(t, pod)
	patch, err := json.Marshal(map[string]any{"data": map[string]string{"settings.json": strings.Repeat("[", 20<<10)}})
	if err == nil {
		_, err = testEnv.Client.CoreV1().ConfigMaps(pod.Namespace).Patch(testContext(t), "certs", types.MergePatchType, patch, metav1.PatchOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	awaitLog(t, pod, contract.ContainerName, "nested more than 16 levels deep")
	if err := testEnv.KillContainer(testContext(t), pod, contract.ContainerName); err != nil {
		t.Fatal(err)
	}
	_, err = testEnv.AwaitPod(testContext(t), pod.Namespace, pod.Name, func(p *corev1.Pod) bool {
		return framework.ContainerStatus(p, contract.ContainerName).RestartCount == 1 && framework.Ready(p)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func restartsOf(t *testing.T, pods []corev1.Pod) (n int32) {
	t.Helper()
	for i := range pods {
		for _, c := range pods[i].Status.ContainerStatuses {
			n += c.RestartCount
		}
	}
	return n
}
