// Package framework sets up the environment of the demo and the end-to-end tests: a cluster with
// the images, an emulated Microsoft Entra ID and Key Vault under their real names, and the product,
// installed with its chart in its production configuration.
//
// Each step can be repeated: it keeps or updates what exists. So the tests can use an environment
// that the demo leaves running.
package framework

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/cluster"
)

// Namespaces that the environment creates.
const (
	SystemNamespace = "azure-cert-sync-system"
	AzureNamespace  = "azure-emulator"
)

// TenantID is the tenant that the emulated Entra ID knows, and Vault the host of the vault in it.
const (
	TenantID = "11111111-2222-3333-4444-555555555555"
	Vault    = "example-vault.vault.azure.net"
)

// TokenProxy is the TLS server name of the proxy of AKS identity bindings, at the emulator's
// address. TokenProxyCA is the name of the ConfigMap with its CA. A test creates it in the
// namespace of the pods that use it.
const (
	TokenProxy   = "0a1b2c3d-1111-2222-3333-444455556666.ests.aks"
	TokenProxyCA = "token-proxy-ca"
)

// Environment holds what has been set up. Call its methods in the order of Up.
type Environment struct {
	Cluster *cluster.Cluster
	Client  kubernetes.Interface
	// Azure drives the emulator in the cluster.
	Azure azure.Control
	// AzureIP is the ClusterIP of the emulator's Service. With hostAliases, pods resolve the real
	// host names to it.
	AzureIP string
	// Roots are the certificates to trust.
	Roots azure.Roots

	warning    kubernetes.Interface // collects warnings in the request's context
	root       string               // the repository's root folder
	log        io.Writer
	mu         sync.Mutex
	namespaces map[string]bool // of apps
}

// Step is a part of the set-up, with the name that is printed.
type Step struct {
	Name string
	Do   func(context.Context) error
}

// New returns an environment in which nothing is set up. It writes the progress of long steps to
// log.
func New(log io.Writer) (*Environment, error) {
	root, err := repositoryRoot()
	if err != nil {
		return nil, err
	}
	return &Environment{root: root, log: log, namespaces: map[string]bool{}}, nil
}

// Steps returns all steps in order.
func (e *Environment) Steps(o cluster.Options) []Step {
	return []Step{
		{"node ready", func(ctx context.Context) error { return e.StartCluster(ctx, o) }},
		{"images built and loaded", e.BuildImages},
		{"emulated Entra ID and Key Vault ready", e.StartAzure},
		{"chart installed with Helm", e.InstallChart},
	}
}

// Up runs all steps.
func (e *Environment) Up(ctx context.Context, o cluster.Options) error {
	for _, step := range e.Steps(o) {
		start := time.Now()
		if err := step.Do(ctx); err != nil {
			return fmt.Errorf("set up the environment: step %q failed: %w", step.Name, err)
		}
		fmt.Fprintf(e.log, "%s (%.1f s)\n", step.Name, time.Since(start).Seconds())
	}
	return nil
}

// StartCluster starts the node, or joins the one that runs.
func (e *Environment) StartCluster(ctx context.Context, o cluster.Options) error {
	o.Log = e.log
	c, err := cluster.Up(ctx, o)
	if err != nil {
		return err
	}
	e.Cluster = c
	if e.Client, err = c.Clientset(); err != nil {
		return err
	}
	config, err := c.RESTConfig()
	if err != nil {
		return err
	}
	e.warning, err = warningClient(config)
	return err
}

// Close ends the use of the cluster. The last Close removes the node if the environment started it.
// On an external cluster, Close removes what the environment created.
func (e *Environment) Close(ctx context.Context) error {
	if e.Cluster == nil {
		return nil
	}
	if !e.Cluster.External() {
		return e.Cluster.Release(ctx)
	}
	_, err := e.Cluster.Helm(ctx, "uninstall", release, "--namespace", SystemNamespace, "--ignore-not-found", "--wait")
	for _, namespace := range slices.Concat([]string{SystemNamespace, AzureNamespace, killNamespace}, slices.Sorted(maps.Keys(e.namespaces))) {
		err = errors.Join(err, e.RemoveNamespace(ctx, namespace))
	}
	return errors.Join(err, e.Cluster.Release(ctx))
}
