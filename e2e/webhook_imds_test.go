package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// An app that uses managed identity gets tokens of the pod's federated identity at the first
// attempt, also in an init container. It gets them at the address of the metadata service or, if
// Pod Security forbids that, through the variables of App Service. The sidecar does not keep the
// pod from completing.
func TestMetadataEndpoint(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, level string
		edit        func(*corev1.Pod)
		init        []string
		byVariables bool // the app finds the endpoint through variables
	}{
		{"address", "privileged", func(*corev1.Pod) {}, []string{contract.IMDSContainerName, contract.ContainerName, "prepare"}, false},
		{"user-namespace", "privileged", func(p *corev1.Pod) { no := false; p.Spec.HostUsers = &no },
			[]string{contract.IMDSContainerName, contract.ContainerName, "prepare"}, false},
		{"variables", "restricted", func(*corev1.Pod) {}, []string{contract.ContainerName, "prepare"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			pod, id := newManaged(t, "imds-"+test.name, test.level)
			test.edit(pod)
			done := ended(t, pod)
			if got := names(done.Spec.InitContainers); !slices.Equal(got, test.init) {
				t.Errorf("init containers are %q, want %q", got, test.init)
			}
			if endpoint := variables(containerOf(t, done, "app"))[contract.EnvIdentityEndpoint]; (endpoint != "") != test.byVariables {
				t.Errorf("%s is %q", contract.EnvIdentityEndpoint, endpoint)
			}
			restricted(t, done)
			for _, container := range []string{"prepare", "app"} {
				var claims struct{ AppID, Aud string }
				if err := json.Unmarshal([]byte(logOf(t, done, container)), &claims); err != nil {
					t.Fatal(err)
				}
				if claims.AppID != id || claims.Aud != "https://vault.azure.net" {
					t.Errorf("container %s got a token of %+v, want one of %s", container, claims, id)
				}
			}
			if log := logOf(t, done, contract.ContainerName); strings.Contains(log, "eyJ") || !strings.Contains(log, `"token issued"`) {
				t.Errorf("the sidecar's log must mention tokens, but not contain one:\n%s", log)
			}
		})
	}
}

// newManaged returns a pod in a separate namespace with an identity, and the identity's client ID.
// Each container gets a token as a managed identity and ends. newManaged does not create the pod.
func newManaged(t *testing.T, name, level string) (pod *corev1.Pod, clientID string) {
	t.Helper()
	namespace := newNamespace(t, name, level, nil)
	id, err := testEnv.NewIdentity(testContext(t), namespace, name)
	if err != nil {
		t.Fatal(err)
	}
	newServiceAccount(t, namespace, name, annotated(contract.AnnotationClientID, id))
	pod = labelled(namespace, name, annotated(contract.AnnotationInjectProxySidecar, "true", key("log-level"), "debug"))
	pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	pod.Spec.HostAliases = []corev1.HostAlias{{IP: testEnv.AzureIP, Hostnames: []string{"login.microsoftonline.com"}}}
	app := &pod.Spec.Containers[0]
	app.Image, app.Args = testEnv.Cluster.Image("testapp"), []string{"token", "https://vault.azure.net"}
	app.TerminationMessagePolicy = corev1.TerminationMessageFallbackToLogsOnError
	pod.Spec.InitContainers = []corev1.Container{*app.DeepCopy()}
	pod.Spec.InitContainers[0].Name = "prepare"
	return pod, id
}

// ended creates a pod and waits until it has succeeded.
func ended(t *testing.T, pod *corev1.Pod) *corev1.Pod {
	t.Helper()
	if _, err := testEnv.Client.CoreV1().Pods(pod.Namespace).Create(testContext(t), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	done, err := testEnv.AwaitPod(testContext(t), pod.Namespace, pod.Labels["app"], func(p *corev1.Pod) bool {
		return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	})
	if err != nil {
		t.Fatal(err)
	}
	if done.Status.Phase != corev1.PodSucceeded {
		for _, s := range slices.Concat(done.Status.InitContainerStatuses, done.Status.ContainerStatuses) {
			if end := s.State.Terminated; end != nil {
				t.Logf("container %s: exit code %d: %s", s.Name, end.ExitCode, end.Message)
			}
		}
		t.Fatalf("the pod's phase is %s", done.Status.Phase)
	}
	return done
}

func logOf(t *testing.T, pod *corev1.Pod, container string) string {
	t.Helper()
	log, err := testEnv.Client.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: container}).DoRaw(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	return string(log)
}
