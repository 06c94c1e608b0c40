package install

import (
	"context"
	"errors"
	"fmt"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/cluster"
)

// Names that the chart gives.
const (
	// WebhookName is the name of the webhook in its MutatingWebhookConfiguration.
	WebhookName = "mutation.certsync.azure.workload.identity"
	// OriginalConfiguration is the MutatingWebhookConfiguration of the Azure Workload Identity
	// webhook.
	OriginalConfiguration = "azure-wi-webhook-mutating-webhook-configuration"

	releaseLabel     = "app.kubernetes.io/instance"
	deploymentLabels = "app.kubernetes.io/name=azure-cert-sync,app.kubernetes.io/component=webhook"
	containerName    = "webhook"
	portName         = "webhook"
)

// ErrNotInstalled is returned if the cluster does not have the webhook.
var ErrNotInstalled = errors.New("the webhook of azure-cert-sync is not installed in this cluster: " +
	"no MutatingWebhookConfiguration has a webhook " + WebhookName + ": install it with helm (see README.md)")

// Installation is the installed webhook.
type Installation struct {
	Configuration *admissionregistrationv1.MutatingWebhookConfiguration
	// Webhook is the element of the configuration.
	Webhook *admissionregistrationv1.MutatingWebhook
	// Deployment is nil if it does not exist.
	Deployment *appsv1.Deployment
	// Others are the names of further configurations that have the webhook, of other releases.
	Others []string
	// Original is true if the Azure Workload Identity webhook is installed, too.
	Original bool
}

// Find returns the installed webhook. The error is ErrNotInstalled, a *cluster.AccessError, or the
// reason why the API server could not be read.
func Find(ctx context.Context, c *cluster.Client) (*Installation, error) {
	list, err := c.AdmissionregistrationV1().MutatingWebhookConfigurations().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, cluster.Explain(err, "list webhook configurations", "mutatingwebhookconfigurations", "")
	}
	in := &Installation{}
	for i := range list.Items {
		configuration := &list.Items[i]
		in.Original = in.Original || configuration.Name == OriginalConfiguration
		index := slices.IndexFunc(configuration.Webhooks, func(w admissionregistrationv1.MutatingWebhook) bool { return w.Name == WebhookName })
		switch {
		case index >= 0 && in.Configuration == nil:
			in.Configuration, in.Webhook = configuration, &configuration.Webhooks[index]
		case index >= 0:
			in.Others = append(in.Others, configuration.Name)
		}
	}
	if in.Configuration == nil {
		return in, ErrNotInstalled
	}
	namespace := in.Namespace()
	if namespace == "" {
		return in, nil // a webhook outside of the cluster
	}
	deployments, err := c.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{LabelSelector: deploymentLabels})
	if err != nil {
		return in, cluster.Explain(err, "list deployments", "deployments", namespace)
	}
	in.Deployment = ofRelease(deployments.Items, in.Configuration.Labels[releaseLabel])
	return in, nil
}

// ofRelease returns the Deployment of a release, or else the first one, or nil.
func ofRelease(deployments []appsv1.Deployment, release string) *appsv1.Deployment {
	for i := range deployments {
		if deployments[i].Labels[releaseLabel] == release {
			return &deployments[i]
		}
	}
	if len(deployments) > 0 {
		return &deployments[0]
	}
	return nil
}

// Namespace returns the namespace of the webhook's Service, or "" if the webhook has a URL.
func (in *Installation) Namespace() string {
	if s := in.Webhook.ClientConfig.Service; s != nil {
		return s.Namespace
	}
	return ""
}

// ServerName returns the name that the API server verifies.
func (in *Installation) ServerName() string {
	if s := in.Webhook.ClientConfig.Service; s != nil {
		return s.Name + "." + s.Namespace + ".svc"
	}
	return ""
}

// Pods returns the pods of the Deployment.
func (in *Installation) Pods(ctx context.Context, c *cluster.Client) ([]corev1.Pod, error) {
	if in.Deployment == nil {
		return nil, nil
	}
	selector, err := metav1.LabelSelectorAsSelector(in.Deployment.Spec.Selector)
	if err != nil {
		return nil, fmt.Errorf("the selector of deployment %s: %w", in.Deployment.Name, err)
	}
	pods, err := c.CoreV1().Pods(in.Namespace()).List(ctx, metav1.ListOptions{LabelSelector: selector.String()})
	if err != nil {
		return nil, cluster.Explain(err, "list pods", "pods", in.Namespace())
	}
	return pods.Items, nil
}

// Container returns the container of the webhook in a pod's spec, or nil.
func Container(spec *corev1.PodSpec) *corev1.Container {
	for i := range spec.Containers {
		if spec.Containers[i].Name == containerName {
			return &spec.Containers[i]
		}
	}
	return nil
}

// Port returns the port of the webhook in a pod's spec, or 0.
func Port(spec *corev1.PodSpec) int {
	if c := Container(spec); c != nil {
		for _, p := range c.Ports {
			if p.Name == portName {
				return int(p.ContainerPort)
			}
		}
	}
	return 0
}

// Reviews reports whether the API server sends a pod with these labels, in a namespace with these
// labels, to the webhook. If not, the reason names the selector.
func (in *Installation) Reviews(pod, namespace map[string]string) (bool, string) {
	for _, s := range []struct {
		name     string
		selector *metav1.LabelSelector
		set      map[string]string
	}{{"namespaceSelector", in.Webhook.NamespaceSelector, namespace}, {"objectSelector", in.Webhook.ObjectSelector, pod}} {
		if s.selector == nil {
			continue
		}
		selector, err := metav1.LabelSelectorAsSelector(s.selector)
		if err != nil {
			return false, fmt.Sprintf("the %s of %s is invalid: %v", s.name, in.Configuration.Name, err)
		}
		if !selector.Matches(labels.Set(s.set)) {
			return false, fmt.Sprintf("the %s of MutatingWebhookConfiguration %s excludes it (%s)", s.name, in.Configuration.Name, selector)
		}
	}
	return true, ""
}
