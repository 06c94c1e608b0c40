package azure_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
)

// A pod's credential with its token in a file reads a secret. The requests are those that the Azure
// SDK sends to the real services.
func TestWorkloadIdentityReadsSecret(t *testing.T) {
	for name, c := range map[string]struct {
		disableDiscovery bool
		want             azure.Counts
	}{
		"with instance discovery":    {false, azure.Counts{Requests: 5, Tokens: 1, OpenIDDiscovery: 1, InstanceDiscovery: 1, SecretGets: 1, Challenges: 1}},
		"without instance discovery": {true, azure.Counts{Requests: 4, Tokens: 1, OpenIDDiscovery: 1, SecretGets: 1, Challenges: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			token, err := f.issuer.Sign(f.assertion)
			check(t, err)
			file := filepath.Join(t.TempDir(), "token")
			check(t, os.WriteFile(file, []byte(token), 0o600))
			cred, err := azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
				ClientOptions: f.options(), ClientID: clientID, TenantID: tenant, TokenFilePath: file,
				DisableInstanceDiscovery: c.disableDiscovery,
			})
			check(t, err)
			created, err := f.CreateSecret(t.Context(), azure.Secret{Vault: vaultHost, Name: "plain", Value: "hello", ContentType: "text/plain"})
			check(t, err)
			client, err := azsecrets.NewClient("https://"+vaultHost, cred, &azsecrets.ClientOptions{ClientOptions: f.options()})
			check(t, err)

			got, err := client.GetSecret(t.Context(), "plain", "", nil)
			check(t, err)
			if *got.Value != "hello" || *got.ContentType != "text/plain" || string(*got.ID) != created.URL || got.Managed != nil || got.KID != nil {
				t.Errorf("unexpected secret %+v", got.Secret)
			}
			counts, err := f.Counts(t.Context(), azure.Filter{})
			check(t, err)
			if diff := cmp.Diff(c.want, counts); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

// Each cloud has a separate authority, vault suffix, resource and token issuer.
func TestSovereignClouds(t *testing.T) {
	for suffix, c := range map[string]cloud.Configuration{
		"vault.azure.cn":          cloud.AzureChina,
		"vault.usgovcloudapi.net": cloud.AzureGovernment,
	} {
		t.Run(suffix, func(t *testing.T) {
			f := newFixture(t)
			f.cloud = c
			host := "sovereign." + suffix
			check(t, f.Apply(t.Context(), azure.Config{
				Vaults:  []azure.Vault{{Host: host, Tenant: tenant}},
				Grants:  []azure.Grant{{Vault: host, ClientID: clientID}},
				Secrets: []azure.Secret{{Vault: host, Name: "s", Value: "there"}},
			}))
			got, err := f.secrets(host).GetSecret(t.Context(), "s", "", nil)
			check(t, err)
			if *got.Value != "there" {
				t.Errorf("got %q", *got.Value)
			}
		})
	}
}

// A certificate-backed secret has Key Vault's attributes and one URL per version. All versions can
// be listed and read.
func TestVersions(t *testing.T) {
	f := newFixture(t)
	first, err := f.CreateCertificate(t.Context(), azure.Certificate{Vault: vaultHost, Name: "Web"})
	check(t, err)
	second, err := f.Renew(t.Context(), azure.Renewal{Vault: vaultHost, Name: "web"})
	check(t, err)
	if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(first.Version) || first.Serial == second.Serial {
		t.Errorf("versions %+v and %+v", first, second)
	}

	client := f.secrets(vaultHost)
	newest, err := client.GetSecret(t.Context(), "Web", "", nil)
	check(t, err)
	old, err := client.GetSecret(t.Context(), "Web", first.Version, nil)
	check(t, err)
	if string(*newest.ID) != second.URL || string(*old.ID) != first.URL || *newest.Value == *old.Value {
		t.Errorf("got %s and %s, want %s and %s", *newest.ID, *old.ID, second.URL, first.URL)
	}
	if newest.KID == nil || newest.Managed == nil || !*newest.Managed || !newest.Attributes.Expires.Equal(second.NotAfter) ||
		!newest.Attributes.NotBefore.Equal(second.NotBefore) || !*newest.Attributes.Enabled {
		t.Errorf("unexpected attributes %+v", newest.Secret)
	}

	var ids []string
	for pager := client.NewListSecretPropertiesVersionsPager("Web", nil); pager.More(); {
		page, err := pager.NextPage(t.Context())
		check(t, err)
		for _, item := range page.Value {
			ids = append(ids, item.ID.Version())
		}
	}
	if diff := cmp.Diff([]string{first.Version, second.Version}, ids); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
}
