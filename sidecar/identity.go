package main

import (
	"cmp"
	"os"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/azhttp"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/config"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/credential"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/health"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/keyvault"
)

// identify returns the identity for an entry's client and tenant ID. Either of them may be empty.
type identify = func(clientID, tenantID string) (keyvault.Identity, error)

func identities(where contract.Mode, c *config.Loaded, client *azhttp.Client, metrics *health.Metrics) (identify, error) {
	if c.Credential == contract.CredentialManagedIdentity {
		return managed(where, c.MSIEndpoint, metrics)
	}
	return federated(where, client, metrics), nil
}

// federated returns identities of the pod: the one of the entry, or else the one of the pod.
func federated(where contract.Mode, client *azhttp.Client, metrics *health.Metrics) identify {
	federation := credential.Federation{
		TokenFile:     os.Getenv(contract.EnvFederatedTokenFile),
		AuthorityHost: os.Getenv(contract.EnvAuthorityHost),
		Where:         where,
	}
	return func(clientID, tenantID string) (keyvault.Identity, error) {
		id := credential.Identity{
			ClientID: cmp.Or(clientID, os.Getenv(contract.EnvClientID)),
			TenantID: cmp.Or(tenantID, os.Getenv(contract.EnvTenantID)),
		}
		c, err := credential.NewWorkloadIdentity(id, federation, client.Options(azhttp.ServiceEntra, metrics.Observe))
		if err != nil {
			return keyvault.Identity{}, err
		}
		return keyvault.Identity{ClientID: id.ClientID, Credential: c}, nil
	}
}

// managed returns identities of the machine, as the extension does: the one of msiClientId or of
// the entry's clientId, or else the metadata service's default. It ignores AZURE_CLIENT_ID: in a
// pod that is the service account's identity, which is federated and may not be assigned to the
// machine.
func managed(where contract.Mode, endpoint string, metrics *health.Metrics) (identify, error) {
	if err := credential.SelectEndpoint(endpoint); err != nil {
		return nil, err
	}
	direct, err := azhttp.New(azhttp.Options{Direct: true, Where: where})
	if err != nil {
		return nil, err
	}
	return func(clientID, _ string) (keyvault.Identity, error) {
		c, err := credential.NewManagedIdentity(clientID, where, direct.Options(azhttp.ServiceMetadata, metrics.Observe))
		if err != nil {
			return keyvault.Identity{}, err
		}
		return keyvault.Identity{ClientID: cmp.Or(clientID, "(the machine's default)"), Credential: c}, nil
	}, nil
}
