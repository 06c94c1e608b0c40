package cluster

import (
	"context"
	"encoding/json"
	"fmt"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// RESTConfig returns an administrator's client configuration that works in this process: it opens
// connections in the node's network namespace.
func (c *Cluster) RESTConfig() (*rest.Config, error) {
	cfg, err := clientcmd.BuildConfigFromFlags("", c.kubeconfig)
	if err != nil {
		return nil, err
	}
	if c.node != nil {
		cfg.Dial = c.Dial
	}
	cfg.QPS = -1 // no client-side limit: the API server's priority and fairness is enough for tests
	return cfg, nil
}

// Clientset returns a client with an administrator's permissions.
func (c *Cluster) Clientset() (*kubernetes.Clientset, error) {
	cfg, err := c.RESTConfig()
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(cfg)
}

// ServiceAccountKeys returns what a relying party needs to verify the cluster's service account
// tokens: the issuer URL and the JSON Web Key Set (RFC 7517) that the API server publishes.
// https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery
func (c *Cluster) ServiceAccountKeys(ctx context.Context) (issuer string, jwks []byte, err error) {
	client, err := c.Clientset()
	if err != nil {
		return "", nil, err
	}
	get := client.Discovery().RESTClient().Get
	doc, err := get().AbsPath("/.well-known/openid-configuration").DoRaw(ctx)
	if err != nil {
		return "", nil, fmt.Errorf("service account issuer discovery: %w", err)
	}
	var discovery struct {
		Issuer string `json:"issuer"`
	}
	if err := json.Unmarshal(doc, &discovery); err != nil {
		return "", nil, fmt.Errorf("service account issuer discovery: %w", err)
	}
	jwks, err = get().AbsPath("/openid/v1/jwks").DoRaw(ctx)
	if err != nil {
		return "", nil, fmt.Errorf("service account keys: %w", err)
	}
	return discovery.Issuer, jwks, nil
}
