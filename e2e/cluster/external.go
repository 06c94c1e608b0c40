package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"

	"k8s.io/client-go/tools/clientcmd"
)

// The environment variables that select an existing cluster instead of a new node.
const (
	kubeconfigVariable = "KUBECONFIG"
	registryVariable   = "E2E_REGISTRY"
)

// external returns the cluster that the environment names, or nil if E2E_REGISTRY is not set.
// KUBECONFIG alone is not enough, because many machines have a KUBECONFIG that is not meant for
// tests.
func external(ctx context.Context, o Options) (*Cluster, error) {
	registry, kubeconfig := os.Getenv(registryVariable), os.Getenv(kubeconfigVariable)
	if registry == "" {
		return nil, nil
	}
	if kubeconfig == "" {
		return nil, errors.New("cluster: E2E_REGISTRY is set without KUBECONFIG: set both to use that cluster, or neither to start a node")
	}
	raw, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("cluster: KUBECONFIG: %w", err)
	}
	c := &Cluster{name: raw.CurrentContext, kubeconfig: kubeconfig, registry: registry, log: newProgress(o.Log), images: map[string]string{}}
	client, err := c.Clientset()
	if err != nil {
		return nil, fmt.Errorf("cluster: KUBECONFIG %s: %w", kubeconfig, err)
	}
	if _, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx); err != nil {
		return nil, fmt.Errorf("cluster: API server of KUBECONFIG %s: %w", kubeconfig, err)
	}
	c.log.say("using the cluster of %s, images go to %s", kubeconfig, registry)
	return c, nil
}
