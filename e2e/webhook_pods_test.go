package e2e

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// program is the path of the test app in its image.
const program = "/testapp"

// newCertified returns a pod in a separate namespace, with an identity and one certificate with the
// name of the pod, which exists in the vault. The container serves the certificate, and does not
// start without it. newCertified does not create the pod.
func newCertified(t *testing.T, name, level string) *corev1.Pod {
	t.Helper()
	namespace := newNamespace(t, name, level, nil)
	id, err := testEnv.NewIdentity(testContext(t), namespace, name)
	if err != nil {
		t.Fatal(err)
	}
	newServiceAccount(t, namespace, name, annotated(contract.AnnotationClientID, id))
	createCertificate(t, azure.Certificate{Name: name})
	pod := labelled(namespace, name, annotated(key("certificates"), secretURL(name)))
	pod.Name, pod.Labels["app"] = name, name
	grace := int64(1)
	pod.Spec.TerminationGracePeriodSeconds = &grace
	pod.Spec.HostAliases = []corev1.HostAlias{{IP: testEnv.AzureIP, Hostnames: []string{"login.microsoftonline.com", framework.Vault}}}
	serves(&pod.Spec.Containers[0], framework.StoreFile(name), 8443)
	return pod
}

// serves makes a container serve a certificate on a port.
func serves(c *corev1.Container, file string, port int32) {
	c.Image = testEnv.Cluster.Image("testapp")
	c.Args = []string{"serve", "--listen", fmt.Sprintf(":%d", port), "--pem", file}
	c.Ports = []corev1.ContainerPort{{ContainerPort: port}}
	c.ReadinessProbe = &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{
		TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(port)},
	}}
}

// inService creates a pod and waits until it is ready.
func inService(t *testing.T, pod *corev1.Pod) *corev1.Pod {
	t.Helper()
	if _, err := testEnv.Client.CoreV1().Pods(pod.Namespace).Create(testContext(t), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	ready, err := testEnv.AwaitPod(testContext(t), pod.Namespace, pod.Labels["app"], framework.Ready)
	if err != nil {
		t.Fatal(err)
	}
	return ready
}

// inContainer runs the test app in a container, as kubectl exec does.
func inContainer(t *testing.T, pod *corev1.Pod, container string, args ...string) string {
	t.Helper()
	command := append([]string{"exec", pod.Name, "--namespace", pod.Namespace, "--container", container, "--", program}, args...)
	out, err := testEnv.Cluster.Kubectl(testContext(t), command...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// readBy reads a file of the store as another user of the pod, in an ephemeral container. It
// returns the exit code and the output.
func readBy(t *testing.T, pod *corev1.Pod, user int64, file string) (code int32, said string) {
	t.Helper()
	pods := testEnv.Client.CoreV1().Pods(pod.Namespace)
	current, err := pods.Get(testContext(t), pod.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	app := containerOf(t, current, "app")
	security := app.SecurityContext.DeepCopy()
	security.RunAsUser = &user
	name := fmt.Sprint("as-", user)
	current.Spec.EphemeralContainers = append(current.Spec.EphemeralContainers, corev1.EphemeralContainer{
		EphemeralContainerCommon: corev1.EphemeralContainerCommon{
			Name: name, Image: app.Image, Args: []string{"read", file}, SecurityContext: security,
			VolumeMounts: app.VolumeMounts, TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
		},
	})
	if _, err := pods.UpdateEphemeralContainers(testContext(t), pod.Name, current, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	var end *corev1.ContainerStateTerminated
	_, err = testEnv.AwaitPod(testContext(t), pod.Namespace, pod.Labels["app"], func(p *corev1.Pod) bool {
		for i := range p.Status.EphemeralContainerStatuses {
			if s := &p.Status.EphemeralContainerStatuses[i]; s.Name == name {
				end = s.State.Terminated
			}
		}
		return end != nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return end.ExitCode, end.Message
}
