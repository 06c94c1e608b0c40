package framework

import (
	"context"
	"fmt"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// App is a Deployment of a small HTTPS server and its service account, in a separate namespace that
// enforces Pod Security "restricted".
type App struct {
	Namespace string
	Name      string
	// ClientID is the client ID on the service account. Empty means without one.
	ClientID string
	// Annotations are those of the pod.
	Annotations map[string]string
	// PEM is the file that the server serves.
	PEM string
}

// Manifest renders the manifests of the app.
func (e *Environment) Manifest(a App) (string, error) {
	return render("app.yaml", map[string]any{"App": a, "Image": e.Cluster.Image("testapp"), "AzureIP": e.AzureIP, "Vault": Vault})
}

// Deploy applies the app. It does not wait for the pod.
func (e *Environment) Deploy(ctx context.Context, a App) error {
	manifest, err := e.Manifest(a)
	if err != nil {
		return err
	}
	e.mu.Lock()
	e.namespaces[a.Namespace] = true
	e.mu.Unlock()
	_, err = e.Cluster.KubectlApply(ctx, manifest)
	return err
}

// RemoveNamespace deletes a namespace and its content, and waits until it is gone.
func (e *Environment) RemoveNamespace(ctx context.Context, name string) error {
	_, err := e.Cluster.Kubectl(ctx, "delete", "namespace", name, "--ignore-not-found", "--wait", "--timeout=2m")
	return err
}

// StoreFile returns the path of one of Vault's certificates in the default store.
func StoreFile(certificate string) string {
	vault, _, _ := strings.Cut(Vault, ".")
	return fmt.Sprintf("%s/%s.%s", contract.DefaultStoreLocation, vault, certificate)
}
