package rig

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/cluster"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// Names of what the chart installs.
const (
	SystemNamespace = "azure-cert-sync-system"
	WebhookName     = "azure-cert-sync-webhook"
	webhookSecret   = "azure-cert-sync-webhook-tls"
)

// Node is a Kubernetes of this run's own, with what the chart would install and the webhook needs.
type Node struct {
	*cluster.Cluster
	Client *kubernetes.Clientset
}

// StartNode starts a new node. Also on an error, the caller ends it with Stop.
func StartNode(ctx context.Context, name string, policy admissionv1.FailurePolicyType) (*Node, error) {
	if os.Getenv("E2E_REGISTRY") != "" {
		return nil, errors.New("E2E_REGISTRY is set: this would write thousands of objects into that cluster; " +
			"unset it to use a separate node")
	}
	// What an interrupted run left.
	if err := cluster.Down(ctx, cluster.Options{Name: name}); err != nil {
		return nil, err
	}
	c, err := cluster.Up(ctx, cluster.Options{Name: name})
	if err != nil {
		return nil, err
	}
	n := &Node{Cluster: c}
	config, err := c.RESTConfig()
	if err != nil {
		return n, err
	}
	config.ContentType = runtime.ContentTypeProtobuf
	if n.Client, err = kubernetes.NewForConfig(config); err != nil {
		return n, err
	}
	if err := n.Namespace(ctx, SystemNamespace); err != nil {
		return n, err
	}
	return n, n.configure(ctx, policy)
}

// Stop takes the node away.
func (n *Node) Stop(ctx context.Context) {
	if n == nil {
		return
	}
	if err := n.Down(context.WithoutCancel(ctx)); err != nil {
		fmt.Fprintln(os.Stderr, "the node was not removed:", err)
	}
}

// configure creates the webhook's configuration.
func (n *Node) configure(ctx context.Context, policy admissionv1.FailurePolicyType) error {
	path, noEffects := "/mutate-v1-pod", admissionv1.SideEffectClassNone
	_, err := n.Client.AdmissionregistrationV1().MutatingWebhookConfigurations().Create(ctx, &admissionv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: WebhookName},
		Webhooks: []admissionv1.MutatingWebhook{{
			Name: "mutation.certsync.azure.workload.identity", AdmissionReviewVersions: []string{"v1"}, SideEffects: &noEffects,
			FailurePolicy:  &policy,
			ObjectSelector: &metav1.LabelSelector{MatchLabels: map[string]string{contract.LabelUse: "true"}},
			Rules: []admissionv1.RuleWithOperations{{
				Operations: []admissionv1.OperationType{admissionv1.Create},
				Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
			}},
			ClientConfig: admissionv1.WebhookClientConfig{Service: &admissionv1.ServiceReference{
				Namespace: SystemNamespace, Name: WebhookName, Path: &path,
			}},
		}},
	}, metav1.CreateOptions{})
	return err
}

// Namespace creates a namespace.
func (n *Node) Namespace(ctx context.Context, name string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := n.Client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{})
	return err
}

// ServiceAccount creates a service account with annotations.
func (n *Node) ServiceAccount(ctx context.Context, namespace, name string, annotations map[string]string) error {
	_, err := n.Client.CoreV1().ServiceAccounts(namespace).Create(ctx, &corev1.ServiceAccount{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: annotations},
	}, metav1.CreateOptions{})
	return err
}

// StartWebhook starts the webhook and returns after how long it was ready. It makes a new
// certificate and publishes its CA. wrap makes the command line that it is started by, in a cgroup
// for example; nil for the plain one.
func (n *Node) StartWebhook(
	ctx context.Context, wrap func(string, ...string) []string, program string, args ...string,
) (*Process, time.Duration, error) {
	err := n.Client.CoreV1().Secrets(SystemNamespace).Delete(ctx, webhookSecret, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, 0, err
	}
	line := append([]string{program, "--kubeconfig", n.Kubeconfig(), "--namespace", SystemNamespace,
		"--tenant-id", TenantID, "--sidecar-image", "registry.example.com/certsync:1", "--drain=0s"}, args...)
	if wrap != nil {
		line = wrap(line[0], line[1:]...)
	}
	return n.StartServer(ctx, "webhook", line)
}

// StartServer starts a program that has the webhook's ports, and returns after how long it was
// ready. The name is for messages.
func (n *Node) StartServer(ctx context.Context, name string, line []string) (*Process, time.Duration, error) {
	begin := time.Now()
	p, err := Launch(name, n.Command(ctx, line[0], line[1:]...), StartTied)
	if err != nil {
		return nil, 0, err
	}
	probe := &http.Client{Transport: &http.Transport{DialContext: n.Dial}, Timeout: 5 * time.Second}
	defer probe.CloseIdleConnections()
	why := "no response"
	for time.Since(begin) < readyIn && ctx.Err() == nil {
		if resp, err := probe.Get("http://127.0.0.1:9440/readyz"); err == nil {
			text, _ := io.ReadAll(resp.Body) // for a message only
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return p, time.Since(begin), nil
			}
			why = string(text)
		}
		if err := p.Ended(); err != nil {
			return nil, 0, err
		}
		time.Sleep(5 * time.Millisecond)
	}
	p.Stop()
	return nil, 0, errors.Join(ctx.Err(), fmt.Errorf("the %s is not ready after %s: %s: %s", name, time.Since(begin), why, p.Log()))
}

// Trust returns how the API server verifies the webhook.
func (n *Node) Trust(ctx context.Context) (*tls.Config, error) {
	c, err := n.Client.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(ctx, WebhookName, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(c.Webhooks[0].ClientConfig.CABundle)
	return &tls.Config{RootCAs: pool, ServerName: WebhookName + "." + SystemNamespace + ".svc", NextProtos: []string{"http/1.1"}}, nil
}
