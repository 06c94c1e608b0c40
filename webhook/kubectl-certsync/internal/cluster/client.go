package cluster

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// Client accesses one cluster.
type Client struct {
	kubernetes.Interface
	// Namespace is that of --namespace, or else of the kubeconfig's context.
	Namespace string

	config *rest.Config
}

// Client-side limits of requests. The API server limits requests itself; the defaults of client-go
// (5 per second) would make a report about a thousand pods take minutes.
const (
	qps   = 100
	burst = 200
)

// Connect returns a client for the cluster of the flags. It does not send a request yet.
func Connect(flags *genericclioptions.ConfigFlags, userAgent string) (*Client, error) {
	config, err := flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("no cluster: %w: name a kubeconfig file with --kubeconfig or KUBECONFIG", err)
	}
	config.QPS, config.Burst, config.UserAgent = qps, burst, userAgent
	namespace, _, err := flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, fmt.Errorf("no namespace: %w", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("no cluster: %w", err)
	}
	return &Client{Interface: client, Namespace: namespace, config: config}, nil
}

// LabelledPods returns the pods with the label of workload identity, in one namespace, or in all if
// the namespace is empty.
func (c *Client) LabelledPods(ctx context.Context, namespace string) ([]corev1.Pod, error) {
	list, err := c.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: contract.LabelUse + "=true"})
	if err != nil {
		return nil, Explain(err, "list pods", "pods", namespace)
	}
	return list.Items, nil
}

// Pod returns a pod of the client's namespace.
func (c *Client) Pod(ctx context.Context, name string) (*corev1.Pod, error) {
	pod, err := c.CoreV1().Pods(c.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, Explain(err, fmt.Sprintf("read pod %q", name), "pods", c.Namespace)
	}
	return pod, nil
}
