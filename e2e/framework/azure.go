package framework

import (
	"context"
	"fmt"
	"net/url"

	"github.com/google/uuid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
)

// StartAzure starts the emulator and creates a tenant with one vault.
func (e *Environment) StartAzure(ctx context.Context) error {
	if err := e.apply(ctx, "azure.yaml", map[string]string{"Image": e.Cluster.Image("azure-emulator")}); err != nil {
		return err
	}
	if err := e.awaitRollout(ctx, AzureNamespace, "azure-emulator"); err != nil {
		return err
	}
	service, err := e.Client.CoreV1().Services(AzureNamespace).Get(ctx, "azure-emulator", metav1.GetOptions{})
	if err != nil {
		return err
	}
	e.AzureIP = service.Spec.ClusterIP
	if e.Azure, err = e.azureControl(ctx); err != nil {
		return err
	}
	if e.Roots, err = e.Azure.Roots(ctx); err != nil {
		return err
	}
	issuer, keys, err := e.Cluster.ServiceAccountKeys(ctx)
	if err != nil {
		return err
	}
	return e.Azure.Apply(ctx, azure.Config{
		Issuers:      []azure.Issuer{{URL: issuer, JWKS: keys}},
		TokenProxies: []string{TokenProxy},
		Vaults:       []azure.Vault{{Host: Vault, Tenant: TenantID}},
	})
}

// azureControl reaches the emulator's admin port through the API server, which works in every
// cluster.
func (e *Environment) azureControl(ctx context.Context) (azure.Control, error) {
	config, err := e.Cluster.RESTConfig()
	if err != nil {
		return nil, err
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	base, err := url.JoinPath(config.Host, "api/v1/namespaces", AzureNamespace, "services/azure-emulator:admin/proxy")
	if err != nil {
		return nil, err
	}
	control := azure.NewAdminClient(base, client)
	// The pod is ready a moment before the API server forwards requests to it.
	return control, control.WaitReady(ctx)
}

// NewIdentity registers an application that trusts the service account and may read Vault. It
// returns the client ID, which is always the same for the same service account.
func (e *Environment) NewIdentity(ctx context.Context, namespace, serviceAccount string) (string, error) {
	proof, err := e.FederatedCredential(ctx, namespace, serviceAccount)
	if err != nil {
		return "", err
	}
	clientID := uuid.NewSHA1(uuid.NameSpaceURL, []byte(proof.Subject)).String()
	return clientID, e.Azure.Apply(ctx, azure.Config{
		Applications: []azure.Application{{
			ClientID: clientID, Tenant: TenantID, FederatedCredentials: []azure.FederatedCredential{proof},
		}},
		Grants: []azure.Grant{{Vault: Vault, ClientID: clientID}},
	})
}

// FederatedCredential returns the federated credential that matches the tokens of a service
// account, with the default audience.
func (e *Environment) FederatedCredential(ctx context.Context, namespace, serviceAccount string) (azure.FederatedCredential, error) {
	issuer, _, err := e.Cluster.ServiceAccountKeys(ctx)
	return azure.FederatedCredential{Issuer: issuer, Subject: fmt.Sprintf("system:serviceaccount:%s:%s", namespace, serviceAccount)}, err
}
