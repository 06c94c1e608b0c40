package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// tokens returns the projected volumes with the identity's token.
func tokens(pod *corev1.Pod) (list []corev1.ServiceAccountTokenProjection) {
	for _, v := range pod.Spec.Volumes {
		if !strings.HasPrefix(v.Name, contract.IdentityVolumePrefix) {
			continue
		}
		for _, s := range v.Projected.Sources {
			if s.ServiceAccountToken != nil {
				list = append(list, *s.ServiceAccountToken)
			}
		}
	}
	return list
}

// identityOf returns the four variables that result from the service account and the environment's
// chart values.
func identityOf(tenant string) map[string]string {
	return map[string]string{
		contract.EnvClientID: clientID, contract.EnvTenantID: tenant,
		contract.EnvFederatedTokenFile: contract.IdentityTokenFile, contract.EnvAuthorityHost: "https://login.microsoftonline.com/",
	}
}

// Which containers get the identity and which identity it is, from objects that the webhook must
// look up in the cluster.
func TestIdentity(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t, "identity", "restricted", nil)
	newServiceAccount(t, namespace, "plain", withClientID())
	newServiceAccount(t, namespace, "tenant", withClientID(contract.AnnotationTenantID, "aaaabbbb-0000-cccc-1111-dddd2222eeee"))
	newServiceAccount(t, namespace, "two-hours", withClientID(contract.AnnotationTokenExpiration, "7200"))
	day := annotated(contract.AnnotationTokenExpiration, "86400")
	for _, test := range []struct {
		name    string
		pod     *corev1.Pod
		tenant  string
		seconds int64
	}{
		{"chart's tenant", labelled(namespace, "plain", nil), framework.TenantID, 3600},
		{"service account's tenant", labelled(namespace, "tenant", nil), "aaaabbbb-0000-cccc-1111-dddd2222eeee", 3600},
		{"expiration of the service account", labelled(namespace, "two-hours", nil), framework.TenantID, 7200},
		{"expiration of the pod", labelled(namespace, "plain", day), framework.TenantID, 86400},
		{"pod before service account", labelled(namespace, "two-hours", day), framework.TenantID, 86400},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			pod := admit(t, test.pod).Pod
			app := containerOf(t, pod, "app")
			if diff := cmp.Diff(identityOf(test.tenant), variables(app)); diff != "" {
				t.Errorf("variables (-want +got):\n%s", diff)
			}
			want := []corev1.ServiceAccountTokenProjection{{
				Audience: contract.DefaultTokenAudience, ExpirationSeconds: &test.seconds, Path: "token/azure-identity-token",
			}}
			if diff := cmp.Diff(want, tokens(pod)); diff != "" {
				t.Errorf("token (-want +got):\n%s", diff)
			}
			if at := mountsAt(app, contract.IdentityMountPath); len(at) != 1 {
				t.Errorf("volumes mounted at %s: %q, want one", contract.IdentityMountPath, at)
			}
		})
	}
}

// A pod without a service account name uses the default service account of the namespace.
func TestIdentityOfDefaultServiceAccount(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t, "default-account", "restricted", nil)
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, contract.AnnotationClientID, clientID)
	// The controller may create it a moment later.
	if _, err := testEnv.Cluster.Kubectl(testContext(t), "wait", "--for=create", "serviceaccount/default", "--namespace", namespace); err != nil {
		t.Fatal(err)
	}
	_, err := testEnv.Client.CoreV1().ServiceAccounts(namespace).Patch(testContext(t), "default", types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pod := labelled(namespace, "", nil)
	pod.Name, pod.GenerateName = "", "web-"
	// The webhook learns of the annotation through a watch, so with a delay.
	for testContext(t).Err() == nil {
		if variables(containerOf(t, admit(t, pod).Pod, "app"))[contract.EnvClientID] == clientID {
			return
		}
	}
	t.Error("pods of the default service account did not get its client ID")
}

// A manifest with a namespace, a service account and a pod works: the webhook finds the new
// objects.
func TestIdentityJustCreated(t *testing.T) {
	t.Parallel()
	for i := range 10 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			namespace := newNamespace(t, fmt.Sprint("just-created-", i), "restricted", annotated(contract.Prefix+contract.KeyCertificates, secretURL("web")))
			newServiceAccount(t, namespace, "web", withClientID())
			pod := admit(t, labelled(namespace, "web", nil)).Pod
			if diff := cmp.Diff(identityOf(framework.TenantID), variables(containerOf(t, pod, "app"))); diff != "" {
				t.Errorf("variables (-want +got):\n%s", diff)
			}
			containerOf(t, pod, contract.ContainerName)
		})
	}
}

// A pod without the label is not changed, nor is a pod that is updated after its creation.
func TestNotAskedFor(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t, "not-asked-for", "restricted", nil)
	newServiceAccount(t, namespace, "web", withClientID())
	pod := labelled(namespace, "web", annotated(contract.Prefix+contract.KeyCertificates, secretURL("web")))
	for _, value := range []string{"false", "True", ""} {
		pod.Labels[contract.LabelUse] = value
		untouched(t, admit(t, pod).Pod)
	}
	delete(pod.Labels, contract.LabelUse)
	untouched(t, admit(t, pod).Pod)

	keepOff(pod)
	pods := testEnv.Client.CoreV1().Pods(namespace)
	if _, err := pods.Create(testContext(t), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	label := fmt.Sprintf(`{"metadata":{"labels":{%q:"true"}}}`, contract.LabelUse)
	later, err := pods.Patch(testContext(t), pod.Name, types.MergePatchType, []byte(label), metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	untouched(t, later)
}

func untouched(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	app := containerOf(t, pod, "app")
	if len(app.Env) != 0 || len(pod.Spec.InitContainers) != 0 || len(tokens(pod)) != 0 {
		t.Errorf("the pod with the labels %v was changed: %v", pod.Labels, pod.Spec)
	}
}

// keepOff prevents that a pod is scheduled: the test needs only its admission.
func keepOff(pod *corev1.Pod) {
	pod.Spec.NodeSelector = map[string]string{"certsync.example/nowhere": "true"}
	pod.Spec.SchedulerName = "nobody"
}

// A second pod that is created from the output of "kubectl get" of the first is equal: nothing is
// mounted twice.
func TestCopiedPod(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t, "copied", "restricted", nil)
	newServiceAccount(t, namespace, "web", withClientID())
	pod := labelled(namespace, "web", annotated(contract.Prefix+contract.KeyCertificates, secretURL("web")))
	keepOff(pod)
	pod.Spec.Containers[0].Env = []corev1.EnvVar{{Name: contract.EnvTenantID, Value: "mine"}}
	first, err := testEnv.Client.CoreV1().Pods(namespace).Create(testContext(t), pod, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	app := containerOf(t, first, "app")
	if got := variables(app)[contract.EnvTenantID]; got != "mine" {
		t.Errorf("the container's %s was changed to %q", contract.EnvTenantID, got)
	}
	again := first.DeepCopy()
	again.ObjectMeta = metav1.ObjectMeta{Namespace: namespace, Name: "copy", Labels: first.Labels, Annotations: first.Annotations}
	a := admit(t, again)
	if diff := cmp.Diff(first.Spec, a.Pod.Spec); diff != "" {
		t.Errorf("the copy differs (-first +copy):\n%s", diff)
	}
	if diff := cmp.Diff(first.Annotations, a.Pod.Annotations); diff != "" {
		t.Errorf("the copy's annotations differ (-first +copy):\n%s", diff)
	}
	debugged(t, first)
}

// debugged asserts that an ephemeral container, as "kubectl debug" adds it, is not changed.
func debugged(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	pod = pod.DeepCopy()
	common := corev1.EphemeralContainerCommon(pod.Spec.Containers[0])
	common.Name, common.Env, common.VolumeMounts = "debug", nil, nil
	pod.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: common}}
	got, err := testEnv.Client.CoreV1().Pods(pod.Namespace).UpdateEphemeralContainers(testContext(t), pod.Name, pod, metav1.UpdateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(pod.Spec, got.Spec); diff != "" {
		t.Errorf("adding an ephemeral container changed more than that (-want +got):\n%s", diff)
	}
}

// A pod keeps its content: the admitted pod with the label contains everything of the admitted pod
// without it.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t, "nothing-is-lost", "privileged", nil)
	newServiceAccount(t, namespace, "web", withClientID())
	pod := richPod(t, namespace)
	pod.Annotations = annotated(contract.Prefix+contract.KeyCertificates, secretURL("web"))
	with := admit(t, pod)
	delete(pod.Labels, contract.LabelUse)
	without := admit(t, pod)
	decode := func(text []byte) (m map[string]any) {
		if err := json.Unmarshal(text, &m); err != nil {
			t.Fatal(err)
		}
		delete(m, "metadata") // times and IDs
		return m
	}
	// The API server gives its token volume a random name.
	random := func(a framework.Admission) string {
		for _, v := range a.Pod.Spec.Volumes {
			if strings.HasPrefix(v.Name, "kube-api-access-") {
				return v.Name
			}
		}
		return ""
	}
	renamed := rewrite(decode(without.JSON), strings.NewReplacer(random(without), random(with)).Replace)
	for _, difference := range missing("", renamed, decode(with.JSON)) {
		t.Error(difference)
	}
}

func richPod(t *testing.T, namespace string) *corev1.Pod {
	t.Helper()
	data, err := os.ReadFile("testdata/rich-pod.yaml")
	pod := &corev1.Pod{}
	if err == nil {
		err = yaml.UnmarshalStrict(data, pod)
	}
	if err != nil {
		t.Fatal(err)
	}
	pod.Namespace = namespace
	return pod
}
