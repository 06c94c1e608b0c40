package e2e

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// clientID is the client ID for pods that are only admitted and never run. It belongs to no
// application.
const clientID = "00001111-aaaa-2222-bbbb-3333cccc4444"

// newNamespace creates a namespace that is removed when the test ends.
func newNamespace(t *testing.T, name, level string, annotations map[string]string) string {
	t.Helper()
	name = "e2e-" + name
	if err := testEnv.NewNamespace(testContext(t), name, level, annotations); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
		defer cancel()
		if err := testEnv.RemoveNamespace(ctx, name); err != nil {
			t.Error(err)
		}
	})
	return name
}

func newServiceAccount(t *testing.T, namespace, name string, annotations map[string]string) {
	t.Helper()
	if err := testEnv.NewServiceAccount(testContext(t), namespace, name, annotations); err != nil {
		t.Fatal(err)
	}
}

func newConfigMap(t *testing.T, namespace, name string, data map[string]string) {
	t.Helper()
	_, err := testEnv.Client.CoreV1().ConfigMaps(namespace).Create(testContext(t),
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: data}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// withClientID returns annotations of a service account with an identity.
func withClientID(more ...string) map[string]string {
	return annotated(append([]string{contract.AnnotationClientID, clientID}, more...)...)
}

// annotated returns a map of alternating keys and values.
func annotated(pairs ...string) map[string]string {
	m := map[string]string{}
	for pair := range slices.Chunk(pairs, 2) {
		m[pair[0]] = pair[1]
	}
	return m
}

// labelled returns a minimal pod with the label that Pod Security "restricted" allows.
func labelled(namespace, account string, annotations map[string]string) *corev1.Pod {
	yes, no, user := true, false, int64(1000)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: "web", Annotations: annotations,
			Labels: map[string]string{contract.LabelUse: "true", "app": "web"},
		},
		Spec: corev1.PodSpec{
			ServiceAccountName: account,
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot: &yes, RunAsUser: &user,
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{{
				Name: "app", Image: "app:1",
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: &no, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
			}},
		},
	}
}

// admit returns the API server's response for a pod that it must accept.
func admit(t *testing.T, pod *corev1.Pod) framework.Admission {
	t.Helper()
	a, err := testEnv.Admit(testContext(t), pod)
	if err != nil {
		t.Fatalf("the pod was refused: %v", err)
	}
	return a
}

// refused asserts that the API server refuses a pod with an error that contains all texts.
func refused(t *testing.T, pod *corev1.Pod, want ...string) {
	t.Helper()
	_, err := testEnv.Admit(testContext(t), pod)
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		t.Fatalf("the API server did not refuse the pod: %v", err)
	}
	wantAll(t, "the refusal", status.Status().Message, want)
}

// warned asserts that a warning contains all texts, and that the pod's annotation contains it too.
func warned(t *testing.T, a framework.Admission, want ...string) {
	t.Helper()
	says := func(text string) bool { return containsAll(text, want) }
	if !slices.ContainsFunc(a.Warnings, says) {
		t.Errorf("no warning contains %q: %q", want, a.Warnings)
	}
	kept := a.Pod.Annotations[contract.Prefix+contract.KeyWarnings]
	if !slices.ContainsFunc(strings.Split(kept, "\n"), says) {
		t.Errorf("no line of the pod's annotation %s contains %q: %q", contract.KeyWarnings, want, kept)
	}
}

// containerOf returns a container or init container, and fails the test if it does not exist.
func containerOf(t *testing.T, pod *corev1.Pod, name string) *corev1.Container {
	t.Helper()
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	t.Fatalf("container %s does not exist", name)
	return nil
}

// variables returns a container's environment variables as they are written in the pod.
func variables(c *corev1.Container) map[string]string {
	m := map[string]string{}
	for _, v := range c.Env {
		m[v.Name] = v.Value
	}
	return m
}

// mountsAt returns the names of the volumes that a container mounts at or below a path.
func mountsAt(c *corev1.Container, path string) (names []string) {
	for _, m := range c.VolumeMounts {
		if m.MountPath == path || strings.HasPrefix(m.MountPath, path+"/") {
			names = append(names, m.Name)
		}
	}
	return names
}

func names(list []corev1.Container) (names []string) {
	for i := range list {
		names = append(names, list[i].Name)
	}
	return names
}
