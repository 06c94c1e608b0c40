package e2e

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// The owner of a Deployment finds a denial in the FailedCreate event of its ReplicaSet. A user who
// creates a pod gets it as the error of kubectl.
func TestDenials(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, certificates string
		want               []string
	}{
		{
			name: "unknown-vault", certificates: "https://example-vault.vault.azure.com/secrets/web",
			want: []string{contract.Prefix + contract.KeyCertificates, "example-vault.vault.azure.com", "vault.azure.net"},
		},
		{
			name: "certificates-url", certificates: "https://example-vault.vault.azure.net/certificates/web",
			want: []string{contract.Prefix + contract.KeyCertificates, "https://example-vault.vault.azure.net/secrets/web"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			app := newApp(t, test.name)
			app.Annotations[contract.Prefix+contract.KeyCertificates] = test.certificates
			deploy(t, app)
			event, err := testEnv.AwaitEvent(testContext(t), app.Namespace, func(e *corev1.Event) bool { return e.Reason == "FailedCreate" })
			if err != nil {
				t.Fatal(err)
			}
			wantAll(t, "the FailedCreate event", event.Message, test.want)

			_, err = testEnv.Cluster.Kubectl(testContext(t), "run", "direct", "--namespace", app.Namespace,
				"--image", testEnv.Cluster.Image("testapp"), "--labels", contract.LabelUse+"=true",
				"--annotations", contract.Prefix+contract.KeyCertificates+"="+test.certificates)
			if err == nil {
				t.Fatal("kubectl run: the pod was accepted")
			}
			wantAll(t, "kubectl run", err.Error(), test.want)
		})
	}
}

// A service account without a client ID does not deny the pod. The user who applies the pod gets a
// warning, and the pod keeps it in an annotation.
func TestMissingClientID(t *testing.T) {
	t.Parallel()
	app := newApp(t, "no-client-id")
	app.ClientID = ""
	deploy(t, app)
	want := []string{contract.AnnotationClientID, app.Name}
	pod := awaitPod(t, app, waits)
	wantAll(t, "the warnings annotation", pod.Annotations[contract.Prefix+contract.KeyWarnings], want)
	wantReason(t, app, pod, contract.AnnotationClientID)
}

// wantReason asserts that kubectl describe pod and the sidecar's log contain the reason why the pod
// does not start.
func wantReason(t *testing.T, app framework.App, pod *corev1.Pod, want ...string) {
	t.Helper()
	ctx := testContext(t)
	_, err := testEnv.AwaitEvent(ctx, app.Namespace, func(e *corev1.Event) bool {
		return e.Reason == "Unhealthy" && e.InvolvedObject.Name == pod.Name && containsAll(e.Message, want)
	})
	if err != nil {
		t.Errorf("no event of a failed probe contains %q: %v", want, err)
	}
	described, err := testEnv.Cluster.Kubectl(ctx, "describe", "pod", pod.Name, "--namespace", app.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	wantAll(t, "kubectl describe pod", described, want)
	log, err := testEnv.Cluster.Kubectl(ctx, "logs", pod.Name, "--container", contract.ContainerName, "--namespace", app.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	wantAll(t, "the container's log", log, want)
}

// waits tells whether the sidecar runs but its startup probe has not succeeded, so that the app's
// containers wait.
func waits(pod *corev1.Pod) bool {
	status := framework.ContainerStatus(pod, contract.ContainerName)
	return status != nil && status.State.Running != nil && (status.Started == nil || !*status.Started)
}

func containsAll(text string, want []string) bool {
	for _, w := range want {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

func wantAll(t *testing.T, where, text string, want []string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("%s does not contain %q:\n%s", where, w, text)
		}
	}
}
