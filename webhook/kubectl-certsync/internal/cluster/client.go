package cluster

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd/api"

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

// Connect returns a client for the cluster of the flags. It does not send a request yet. The error
// is an *AccessError.
func Connect(flags *genericclioptions.ConfigFlags, userAgent string) (*Client, error) {
	if !configured(flags) {
		return nil, &AccessError{Text: "no cluster is configured: name a kubeconfig file with --kubeconfig or KUBECONFIG"}
	}
	config, err := flags.ToRESTConfig()
	if err != nil {
		return nil, &AccessError{Text: fmt.Sprintf("the kubeconfig cannot be used: %v", err)}
	}
	config.QPS, config.Burst, config.UserAgent = qps, burst, userAgent
	namespace, _, err := flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, &AccessError{Text: fmt.Sprintf("the kubeconfig cannot be used: %v", err)}
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, &AccessError{Text: fmt.Sprintf("the kubeconfig cannot be used: %v", err)}
	}
	return &Client{Interface: client, Namespace: namespace, config: config}, nil
}

// configured reports whether flags, a kubeconfig or the pod that this process runs in name a
// cluster. Without one, client-go would try localhost.
func configured(flags *genericclioptions.ConfigFlags) bool {
	if flags.APIServer != nil && *flags.APIServer != "" {
		return true
	}
	raw, err := flags.ToRawKubeConfigLoader().RawConfig()
	if err != nil || !api.IsConfigEmpty(&raw) {
		return true // an error is reported later
	}
	_, err = rest.InClusterConfig()
	return err == nil
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

// NamespaceMissing reports whether the client's namespace is known not to exist.
func (c *Client) NamespaceMissing(ctx context.Context) bool {
	_, err := c.CoreV1().Namespaces().Get(ctx, c.Namespace, metav1.GetOptions{})
	return apierrors.IsNotFound(err)
}

// Pod returns a pod of the client's namespace.
func (c *Client) Pod(ctx context.Context, name string) (*corev1.Pod, error) {
	pod, err := c.CoreV1().Pods(c.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, Explain(err, fmt.Sprintf("read pod %q", name), "pods", c.Namespace)
	}
	return pod, nil
}
