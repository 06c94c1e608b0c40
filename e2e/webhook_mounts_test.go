package e2e

import (
	"bufio"
	"context"
	"io/fs"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/cluster"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// What the webhook says of mounts inside mounts is what the container runtime does. The pods get
// only an identity, so they start without Key Vault.
func TestMountsInsideMounts(t *testing.T) {
	t.Parallel()
	if testEnv.Cluster.External() {
		return // the images are made for this node
	}
	namespace := newNamespace(t, "mounts", "restricted", nil)
	newServiceAccount(t, namespace, "mounts", withClientID())
	newConfigMap(t, namespace, "own", map[string]string{"file": "content"})
	images := map[bool]string{}
	for _, linked := range []bool{false, true} {
		spec := cluster.PackSpec{Name: "mounts-plain", Package: "./e2e/testapp"}
		if linked {
			spec.Name, spec.Links = "mounts-linked", map[string]string{"/var/run": "/run"}
			spec.Directories = map[string]fs.FileMode{"/run": 0o755}
		}
		image, err := testEnv.Cluster.PackImage(testContext(t), spec)
		if err != nil {
			t.Fatal(err)
		}
		images[linked] = image
	}
	configMap := corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "own"}}}
	emptyDir := corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
	const never = "read-only file system"
	for _, test := range []struct {
		name    string
		at      string
		source  corev1.VolumeSource
		linked  bool
		warning string // of the webhook
		failure string // of the kubelet; empty if the container runs
	}{
		{"linked", "/run/secrets", configMap, true, "if /var/run is a link to /run", never},
		{"not-linked", "/run/secrets", configMap, false, "if /var/run is a link to /run", ""},
		{"writable-linked", "/run/secrets", emptyDir, true, "", ""},
		{"writable-above", "/var/run", emptyDir, false, "", ""},
		{"config-map-above", "/var/run/secrets", configMap, false, "", ""},
		{"below", "/var/run/secrets/azure/wi/below", emptyDir, false, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			pod := mounting(namespace, test.name, images[test.linked], test.at, test.source)
			a, err := testEnv.Admit(testContext(t), pod)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(a.Warnings, "\n"); test.warning == "" && got != "" || !strings.Contains(got, test.warning) {
				t.Errorf("warnings %q, want one with %q", got, test.warning)
			}
			started := startOf(t, pod)
			if test.failure == "" && started != "" || !strings.Contains(started, test.failure) {
				t.Errorf("the container does not start: %q, want %q", started, test.failure)
			}
		})
	}
	t.Run("denied", func(t *testing.T) {
		t.Parallel()
		const store = contract.DefaultStoreLocation
		pod := mounting(namespace, "denied", images[false], store+"/below", emptyDir)
		pod.Annotations = annotated(key("certificates"), secretURL("mounts"))
		if _, err := testEnv.Admit(testContext(t), pod); err == nil || !strings.Contains(err.Error(), "the mount point cannot be created") {
			t.Errorf("admitted or denied for another reason: %v", err)
		}
		// The denial is right: a pod with such mounts, which the webhook does not review, cannot
		// start.
		delete(pod.Labels, contract.LabelUse)
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "store", VolumeSource: emptyDir})
		pod.Spec.Containers[0].VolumeMounts = append(pod.Spec.Containers[0].VolumeMounts, corev1.VolumeMount{Name: "store", MountPath: store, ReadOnly: true})
		if started := startOf(t, pod); !strings.Contains(started, never) {
			t.Errorf("the container starts or fails for another reason: %q, want %q", started, never)
		}
	})
}

// mounting returns a pod with an identity and a volume at a path.
func mounting(namespace, name, image, at string, source corev1.VolumeSource) *corev1.Pod {
	pod := labelled(namespace, "mounts", nil)
	pod.Name, pod.Labels["app"] = name, name
	pod.Spec.AutomountServiceAccountToken = new(bool)
	pod.Spec.TerminationGracePeriodSeconds = new(int64)
	pod.Spec.Volumes = []corev1.Volume{{Name: "own", VolumeSource: source}}
	c := &pod.Spec.Containers[0]
	c.Image, c.Args = image, []string{"notify", program}
	c.VolumeMounts = []corev1.VolumeMount{{Name: "own", MountPath: at}}
	return pod
}

// startOf creates a pod and returns "" when its container runs, or the message of the kubelet why
// it cannot be created.
func startOf(t *testing.T, pod *corev1.Pod) (failure string) {
	t.Helper()
	ctx := testContext(t)
	if _, err := testEnv.Client.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = testEnv.Client.CoreV1().Pods(pod.Namespace).Delete(context.Background(), pod.Name, metav1.DeleteOptions{})
	})
	_, err := testEnv.AwaitPod(ctx, pod.Namespace, pod.Labels["app"], func(p *corev1.Pod) bool {
		for _, s := range p.Status.ContainerStatuses {
			if s.State.Running != nil {
				return true
			}
			for _, state := range []corev1.ContainerState{s.State, s.LastTerminationState} {
				if state.Terminated != nil && state.Terminated.Message != "" {
					failure = state.Terminated.Message
					return true
				}
			}
			if w := s.State.Waiting; w != nil && strings.Contains(w.Message, "read-only file system") {
				failure = w.Message
				return true
			}
		}
		return false
	})
	if err != nil {
		t.Fatal(err)
	}
	return failure
}

// An app in a pod that watches the file of its certificate is notified of a renewal at once, and
// then finds the new certificate there.
func TestFileWatcher(t *testing.T) {
	t.Parallel()
	pod := newCertified(t, "file-watcher", "restricted")
	pod = inService(t, pod)
	ctx := testContext(t)
	cmd := testEnv.Cluster.Command(ctx, "kubectl", "exec", pod.Name, "--namespace", pod.Namespace, "--container", "app", "--",
		program, "notify", framework.StoreFile(pod.Name))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "watching" {
		t.Fatalf("got %q, want the line \"watching\": %v, %s", lines.Text(), lines.Err(), stderr.String())
	}
	renewed, err := testEnv.Azure.Renew(ctx, azure.Renewal{Vault: framework.Vault, Name: pod.Name})
	if err != nil {
		t.Fatal(err)
	}
	if !lines.Scan() || lines.Text() != renewed.Serial {
		t.Errorf("after the event the file has the serial number %q, want %s", lines.Text(), renewed.Serial)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, stderr.String())
	}
}
