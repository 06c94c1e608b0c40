package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// observe returns a settings.json with the given certificates.
func observe(t *testing.T, certificates ...string) map[string]string {
	t.Helper()
	urls := []string{}
	for _, name := range certificates {
		urls = append(urls, secretURL(name))
	}
	text, err := json.Marshal(map[string]any{"secretsManagementSettings": map[string]any{"observedCertificates": urls}})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"settings.json": string(text)}
}

// An edit of the ConfigMap with the settings reaches running pods without a restart. An invalid
// edit does not stop a pod, even if the sidecar restarts meanwhile.
func TestSettingsEdited(t *testing.T) {
	t.Parallel()
	pod := newCertified(t, "edited", "restricted")
	createCertificate(t, azure.Certificate{Name: "edited-more"})
	newConfigMap(t, pod.Namespace, "certs", observe(t, pod.Name))
	pod.Annotations = annotated(key("settings-configmap"), "certs")
	pod = inService(t, pod)

	edit := func(data map[string]string) {
		patch, err := json.Marshal(map[string]any{"data": data})
		if err == nil {
			_, err = testEnv.Client.CoreV1().ConfigMaps(pod.Namespace).Patch(testContext(t), "certs", types.MergePatchType, patch, metav1.PatchOptions{})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	edit(map[string]string{"settings.json": `{"secretsManagementSetting":{}}`})
	awaitLog(t, pod, contract.ContainerName, `secretsManagementSettings`)
	// Nor does it if the sidecar restarts: it uses the previous settings and becomes ready.
	if err := testEnv.KillContainer(testContext(t), pod, contract.ContainerName); err != nil {
		t.Fatal(err)
	}
	_, err := testEnv.AwaitPod(testContext(t), pod.Namespace, pod.Name, func(p *corev1.Pod) bool {
		return framework.ContainerStatus(p, contract.ContainerName).RestartCount == 1 && framework.Ready(p)
	})
	if err != nil {
		t.Fatal(err)
	}
	inContainer(t, pod, "app", "read", framework.StoreFile(pod.Name))
	edit(observe(t, pod.Name, "edited-more"))
	err = wait.PollUntilContextCancel(testContext(t), time.Second, true, func(ctx context.Context) (bool, error) {
		_, err := testEnv.Cluster.Kubectl(ctx, "exec", pod.Name, "--namespace", pod.Namespace, "--container", "app", "--",
			program, "read", framework.StoreFile("edited-more"))
		return err == nil, ctx.Err()
	})
	if err != nil {
		t.Fatalf("the certificate of the edit did not arrive: %v", err)
	}
	now, err := testEnv.Client.CoreV1().Pods(pod.Namespace).Get(testContext(t), pod.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if restarts := framework.ContainerStatus(now, contract.ContainerName).RestartCount; restarts != 1 || !framework.Ready(now) {
		t.Errorf("the sidecar was restarted %d times, the pod is ready: %t", restarts, framework.Ready(now))
	}
}

// An app that reads its certificate only at the start gets a signal after a renewal.
func TestReloadSignal(t *testing.T) {
	t.Parallel()
	pod := newCertified(t, "signalled", "restricted")
	pod.Annotations[key("reload-signal")], pod.Annotations[key("reload-process")] = "HUP", "testapp"
	pod = inService(t, pod)
	if _, err := testEnv.Azure.Renew(testContext(t), azure.Renewal{Vault: framework.Vault, Name: pod.Name}); err != nil {
		t.Fatal(err)
	}
	awaitLog(t, pod, "app", "reload requested")
}

// An app with an HTTP endpoint gets the request again until it responds with success.
func TestReloadURL(t *testing.T) {
	t.Parallel()
	pod := newCertified(t, "notified", "restricted")
	pod.Annotations[key("reload-url")] = "http://127.0.0.1:8081/reload"
	app := &pod.Spec.Containers[0]
	app.Args = append(app.Args, "--notify", "127.0.0.1:8081")
	pod = inService(t, pod)
	if _, err := testEnv.Azure.Renew(testContext(t), azure.Renewal{Vault: framework.Vault, Name: pod.Name}); err != nil {
		t.Fatal(err)
	}
	awaitLog(t, pod, "app", "notified by POST /reload number 2")
	awaitLog(t, pod, contract.ContainerName, `"msg":"renewal announced"`)
}

// awaitLog follows a container's log until a line contains the text.
func awaitLog(t *testing.T, pod *corev1.Pod, container, text string) {
	t.Helper()
	log, err := testEnv.Client.CoreV1().Pods(pod.Namespace).
		GetLogs(pod.Name, &corev1.PodLogOptions{Container: container, Follow: true}).Stream(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if strings.Contains(lines.Text(), text) {
			return
		}
	}
	t.Fatalf("the log of container %s does not contain %q: %v", container, text, lines.Err())
}
