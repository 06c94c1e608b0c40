// Package stage sets up what the demo and the end-to-end tests play on: a cluster with the images, an emulated
// Microsoft Entra ID and Key Vault in it under their real names, and the product installed by its chart, in its
// production configuration.
//
// Every step may be repeated: what is there already is kept or updated. So the demo can leave a stage standing, and
// the tests can take it over.
package stage

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

// Namespaces that the stage makes.
const (
	SystemNamespace = "azure-cert-sync-system"
	AzureNamespace  = "azure-emulator"
)

// TenantID is the tenant that the emulated Entra ID knows, and Vault the host of the vault in it.
const (
	TenantID = "11111111-2222-3333-4444-555555555555"
	Vault    = "example-vault.vault.azure.net"
)

// TokenProxy is the TLS server name of the proxy of AKS identity bindings, at the emulator's address, and TokenProxyCA the
// ConfigMap with its CA, which a test makes in the namespace of pods that use it.
const (
	TokenProxy   = "0a1b2c3d-1111-2222-3333-444455556666.ests.aks"
	TokenProxyCA = "token-proxy-ca"
)

// Stage is what was set up so far. Its methods are called in the order of Up.
type Stage struct {
	Cluster *cluster.Cluster
	Client  kubernetes.Interface
	// Azure drives the emulator in the cluster.
	Azure azure.Control
	// AzureIP is the ClusterIP of the emulator's Service: pods find the real host names there by hostAliases.
	AzureIP string
	// Roots are the certificates to trust.
	Roots azure.Roots

	warning    kubernetes.Interface // whose warnings go to the request's context
	root       string               // the repository's root folder
	log        io.Writer
	mu         sync.Mutex
	namespaces map[string]bool // of apps
}

// Step is a part of the set-up, with what it is called in a narration.
type Step struct {
	Name string
	Do   func(context.Context) error
}

// New prepares a stage; progress of long steps goes to log.
func New(log io.Writer) (*Stage, error) {
	root, err := repositoryRoot()
	if err != nil {
		return nil, err
	}
	return &Stage{root: root, log: log, namespaces: map[string]bool{}}, nil
}

// Steps returns all steps in their order.
func (s *Stage) Steps(o cluster.Options) []Step {
	return []Step{
		{"node ready", func(ctx context.Context) error { return s.StartCluster(ctx, o) }},
		{"images built and loaded", s.BuildImages},
		{"emulated Entra ID and Key Vault ready", s.StartAzure},
		{"chart installed with Helm", s.InstallChart},
	}
}

// Up takes all steps.
func (s *Stage) Up(ctx context.Context, o cluster.Options) error {
	for _, step := range s.Steps(o) {
		start := time.Now()
		if err := step.Do(ctx); err != nil {
			return fmt.Errorf("stage: not %s: %w", step.Name, err)
		}
		fmt.Fprintf(s.log, "%s (%.1f s)\n", step.Name, time.Since(start).Seconds())
	}
	return nil
}

// StartCluster starts the node, or joins the one that runs.
func (s *Stage) StartCluster(ctx context.Context, o cluster.Options) error {
	o.Log = s.log
	c, err := cluster.Up(ctx, o)
	if err != nil {
		return err
	}
	s.Cluster = c
	if s.Client, err = c.Clientset(); err != nil {
		return err
	}
	config, err := c.RESTConfig()
	if err != nil {
		return err
	}
	s.warning, err = warningClient(config)
	return err
}

// Close ends the use of the cluster. The last user's Close takes a node of its own away with all that is on it; on a
// cluster that others gave, what the stage made is removed.
func (s *Stage) Close(ctx context.Context) error {
	if s.Cluster == nil {
		return nil
	}
	if !s.Cluster.External() {
		return s.Cluster.Release(ctx)
	}
	_, err := s.Cluster.Helm(ctx, "uninstall", release, "--namespace", SystemNamespace, "--ignore-not-found", "--wait")
	for _, namespace := range slices.Concat([]string{SystemNamespace, AzureNamespace, killNamespace}, slices.Sorted(maps.Keys(s.namespaces))) {
		err = errors.Join(err, s.RemoveNamespace(ctx, namespace))
	}
	return errors.Join(err, s.Cluster.Release(ctx))
}
