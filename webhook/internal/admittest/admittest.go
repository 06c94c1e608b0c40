// Package admittest checks from inside of the cluster that labelled pods get what the webhook adds:
// it is what "helm test" runs.
//
// It guarantees that nothing is created: it sends one pod to the API server as a dry run, through
// the same admission as every pod. An error says what failed and what to check.
package admittest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// API creates a pod by a server-side dry run, and returns the pod as it would be stored. Its errors
// are those of package k8s.io/apimachinery/pkg/api/errors.
type API interface {
	DryRunPod(context.Context, *corev1.Pod) (*corev1.Pod, error)
}

// Options describe the pod.
type Options struct {
	Namespace string
	// Labels are added to the label that selects the pod, for a webhook with an objectSelector.
	Labels map[string]string
	// VaultSuffix is a DNS suffix of vaults that the webhook allows.
	VaultSuffix string
}

// Run sends the pod, and returns what it got, in one line.
func Run(ctx context.Context, api API, o Options) (string, error) {
	admitted, err := api.DryRunPod(ctx, pod(o))
	if err != nil {
		return "", explain(err, o)
	}
	sidecar := find(admitted)
	if sidecar == nil {
		return "", fmt.Errorf("the API server did not send the pod to the webhook: it came back without the container %s: "+
			"check that the MutatingWebhookConfiguration exists, and that its namespaceSelector, objectSelector and matchConditions match "+
			"a pod in namespace %s (value test.namespace; the release's namespace never matches); "+
			"with failurePolicy Ignore, also check that a replica is ready", contract.ContainerName, o.Namespace)
	}
	return fmt.Sprintf("the webhook admits a pod in namespace %s, with the sidecar %s", o.Namespace, sidecar.Image), nil
}

// pod requests one certificate. It passes Pod Security "restricted". The credential is one that
// needs nothing from the service account, which may not have an identity.
func pod(o Options) *corev1.Pod {
	labels := maps.Clone(o.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[contract.LabelUse] = "true"
	yes, no := true, false
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: o.Namespace, GenerateName: "certsync-test-", Labels: labels,
			Annotations: map[string]string{
				contract.Prefix + contract.KeyCertificates: "https://example." + o.VaultSuffix + "/secrets/example",
				contract.Prefix + contract.KeyCredential:   contract.CredentialManagedIdentity,
			},
		},
		Spec: corev1.PodSpec{
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot: &yes, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{{
				Name: "app", Image: "example.invalid/app",
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: &no, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
			}},
		},
	}
}

func find(pod *corev1.Pod) *corev1.Container {
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if list[i].Name == contract.ContainerName {
				return &list[i]
			}
		}
	}
	return nil
}

// explain says which part refused the pod. The API server's status tells a failed call of a webhook
// from a denial only by its text.
func explain(err error, o Options) error {
	var status apierrors.APIStatus
	text := err.Error()
	switch {
	case !errors.As(err, &status):
		return fmt.Errorf("the API server does not respond: %w", err)
	case strings.Contains(text, "failed calling webhook"):
		return fmt.Errorf("the API server cannot call a webhook: %w: %s", err, callRemedy(text))
	case strings.Contains(text, "denied the request"):
		return fmt.Errorf("a webhook refuses the pod: %w: correct the value that the message names, or the other webhook", err)
	case apierrors.IsForbidden(err) && strings.Contains(text, "cannot create resource"):
		return fmt.Errorf("the test may not create pods in namespace %s, not even as a dry run: %w: "+
			"check that the Role and RoleBinding of the test exist there", o.Namespace, err)
	case apierrors.IsNotFound(err) && strings.Contains(text, "namespaces"):
		return fmt.Errorf("namespace %s does not exist: create it, or set the value test.namespace: %w", o.Namespace, err)
	}
	return fmt.Errorf("the API server refuses the pod: %w: "+
		"if a policy or quota of namespace %s refuses it, set the value test.namespace to another namespace", err, o.Namespace)
}

func callRemedy(text string) string {
	switch {
	case strings.Contains(text, "x509:"), strings.Contains(text, "tls:"):
		return "the API server does not trust the webhook's certificate: check the caBundle of the MutatingWebhookConfiguration, " +
			"whether another tool resets it, and the webhook's log"
	case strings.Contains(text, "no endpoints available"):
		return "no replica is ready: check the pods of the Deployment, and their log"
	case strings.Contains(text, "not found"):
		return "the Service of the webhook does not exist: install the chart again"
	}
	return "check that network policies and firewalls let the API server reach the webhook's pods on port 9443 (value " +
		"webhook.ports.webhook), and that the pods are ready"
}
