package main

import (
	"cmp"
	"os"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/azhttp"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/credential"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/health"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/keyvault"
)

// identify makes the credential for an entry's client and tenant ID, each of which may be empty.
type identify = func(clientID, tenantID string) (keyvault.Identity, error)

func identities(s *settings, client *azhttp.Client, metrics *health.Metrics) (identify, error) {
	if s.Credential == contract.CredentialManagedIdentity {
		return managed(s.MSIEndpoint, metrics)
	}
	return federated(client, metrics), nil
}

// federated makes credentials of the pod: with the entry's identity, or else the pod's.
func federated(client *azhttp.Client, metrics *health.Metrics) identify {
	federation := credential.Federation{
		TokenFile:     os.Getenv(contract.EnvFederatedTokenFile),
		AuthorityHost: os.Getenv(contract.EnvAuthorityHost),
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

// managed makes credentials of the machine: with msiClientId or the entry's clientId, or else the identity that the
// metadata service gives where none is named. That is what the extension does. AZURE_CLIENT_ID does not count: in a pod it
// is the service account's, which is federated and need not be an identity of the machine.
func managed(endpoint string, metrics *health.Metrics) (identify, error) {
	if err := credential.SelectEndpoint(endpoint); err != nil {
		return nil, err
	}
	direct, err := azhttp.New(azhttp.Options{Direct: true})
	if err != nil {
		return nil, err
	}
	return func(clientID, _ string) (keyvault.Identity, error) {
		c, err := credential.NewManagedIdentity(clientID, direct.Options(azhttp.ServiceMetadata, metrics.Observe))
		if err != nil {
			return keyvault.Identity{}, err
		}
		return keyvault.Identity{ClientID: cmp.Or(clientID, "(the machine's own)"), Credential: c}, nil
	}, nil
}
