package azure_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
)

const proxyName = "0a1b2c3d-1111-2222-3333-444455556666.ests.aks"

// A service account that is bound to an identity gets its tokens only from the proxy, with the
// requests of azidentity.
func TestTokenProxy(t *testing.T) {
	for name, c := range map[string]struct {
		bound    azure.FederatedCredential
		audience string
		code     string // "" for a token
	}{
		"bound":                     {bound: azure.FederatedCredential{Subject: subject}, audience: "api://AKSIdentityBinding"},
		"another's":                 {bound: azure.FederatedCredential{Subject: subject + "-2"}, audience: "api://AKSIdentityBinding", code: "700213"},
		"token for Entra ID itself": {bound: azure.FederatedCredential{Subject: subject}, audience: "api://AzureADTokenExchange", code: "700212"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			c.bound.Issuer = issuerURL
			check(t, f.Apply(t.Context(), azure.Config{
				TokenProxies: []string{proxyName},
				Applications: []azure.Application{{ClientID: clientID, Tenant: tenant, IdentityBindings: []azure.FederatedCredential{c.bound}}},
			}))
			roots, err := f.Roots(t.Context())
			check(t, err)
			dir := t.TempDir()
			f.assertion.Audience = c.audience
			token, err := f.issuer.Sign(f.assertion)
			check(t, err)
			check(t, os.WriteFile(filepath.Join(dir, "token"), []byte(token), 0o600))
			check(t, os.WriteFile(filepath.Join(dir, "ca.crt"), []byte(roots.TokenProxy), 0o600))
			t.Setenv("AZURE_KUBERNETES_TOKEN_PROXY", "https://"+f.Addr().(*net.TCPAddr).String())
			t.Setenv("AZURE_KUBERNETES_SNI_NAME", proxyName)
			t.Setenv("AZURE_KUBERNETES_CA_FILE", filepath.Join(dir, "ca.crt"))

			get := func(throughProxy bool) error {
				cred, err := azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
					ClientOptions: f.options(), ClientID: clientID, TenantID: tenant, TokenFilePath: filepath.Join(dir, "token"),
					DisableInstanceDiscovery: true, EnableAzureProxy: throughProxy,
				})
				check(t, err)
				_, err = cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{vaultScope}})
				return err
			}
			var refused *azidentity.AuthenticationFailedError
			if err := get(true); (c.code == "") != (err == nil) || err != nil && !errors.As(err, &refused) {
				t.Fatalf("request to the proxy: %v", err)
			}
			requests, err := f.Requests(t.Context(), azure.Filter{Service: azure.ServiceTokenProxy, Operation: azure.OpToken, Host: proxyName})
			check(t, err)
			if len(requests) != 1 || requests[0].Code != c.code {
				t.Errorf("requests to the proxy: %+v, want one token request with the code %q", requests, c.code)
			}
			if err := get(false); !errors.As(err, &refused) {
				t.Errorf("Entra ID accepted the token: %v", err)
			}
		})
	}
}

func TestTokenProxyNames(t *testing.T) {
	f := newFixture(t)
	for _, name := range []string{"", "proxy", "a b.c", "login.microsoftonline.com", "shop.vault.azure.net"} {
		if err := f.Apply(t.Context(), azure.Config{TokenProxies: []string{name}}); !errors.Is(err, azure.ErrInvalid) {
			t.Errorf("server name %q: %v, want ErrInvalid", name, err)
		}
	}
}
