package contract_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// TestAllowedVaults checks that the list replaces the default one, and that case, spaces and a
// leading "*." or "." do not matter.
func TestAllowedVaults(t *testing.T) {
	tests := []struct {
		allowed []string
		url     string
		ok      bool
	}{
		{nil, secret, true},
		{[]string{"vault.azure.net"}, secret, true},
		{[]string{"*.Vault.Azure.Net "}, secret, true},
		{[]string{".vault.azure.net"}, secret, true},
		{[]string{"vault.example.org"}, secret, false},
		{[]string{"vault.example.org"}, "https://myvault.vault.example.org/secrets/web", true},
		{[]string{"example.org"}, "https://myvault.vault.example.org/secrets/web", false},
		{[]string{}, secret, false},
		{[]string{""}, secret, false},
	}
	for _, test := range tests {
		s := with(func(s *contract.Settings) { entry(s).URL = test.url })
		_, _, err := s.Validate(contract.Rules{AllowedVaults: test.allowed})
		if (err == nil) != test.ok {
			t.Errorf("%s with %q: %v", test.url, test.allowed, err)
		}
	}
}

// secretForms are texts that people copy in place of a secret's URL.
var secretForms = []string{
	"/subscriptions/00001111-aaaa-2222-bbbb-3333cccc4444/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv-contoso/secrets/web",
	"/subscriptions/00001111-aaaa-2222-bbbb-3333cccc4444/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv-contoso/secrets/web/versions/0123abcd",
	"/subscriptions/x/resourcegroups/rg/providers/microsoft.keyvault/vaults/kv-contoso/certificates/web",
	"/subscriptions/x/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv-contoso/keys/web/",
	"/subscriptions/x/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv-contoso",
	"/subscriptions/x/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/_/secrets/web",
	"/subscriptions/x/resourceGroups/rg/providers/Microsoft.KeyVault/managedHSMs/hsm-contoso/keys/web",
	"https://management.azure.com/subscriptions/x/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv-contoso/secrets/web?api-version=2023-07-01",
	"https://management.usgovcloudapi.net/subscriptions/x/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv-contoso/secrets/web",
	"https://portal.azure.com/#@contoso.onmicrosoft.com/resource/subscriptions/x/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv-contoso/secrets",
	"https://portal.azure.com/#@contoso/asset/Microsoft_Azure_KeyVault/Certificate/https://kv-contoso.vault.azure.net/certificates/web/0123abcd",
	"https://ms.portal.azure.com/?feature=x#asset/Microsoft_Azure_KeyVault/Secret/https%3A%2F%2Fkv-contoso.vault.azure.net%2Fsecrets%2Fweb",
	"https://portal.azure.cn/#@x/resource/subscriptions/x/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv-contoso/secrets/web",
	"https://portal.azure.com/#home",
	"@Microsoft.KeyVault(SecretUri=https://kv-contoso.vault.azure.net/secrets/web/)",
	"@Microsoft.KeyVault(SecretUri=https://kv-contoso.vault.azure.net/certificates/web/0123abcd)",
	"@Microsoft.KeyVault(VaultName=kv-contoso;SecretName=web)",
	"@microsoft.keyvault(VaultName=kv-contoso; SecretName=web; SecretVersion=0123abcd)",
	"@Microsoft.KeyVault(SecretUri=https://u:pa55word@kv-contoso.vault.azure.net/secrets/web)",
	"@Microsoft.KeyVault()",
	"https://kv-contoso.privatelink.vaultcore.azure.net/secrets/web",
	"https://KV-Contoso.PrivateLink.VaultCore.Azure.Net:443/secrets/web",
	"https://kv-contoso.privatelink.vaultcore.usgovcloudapi.net/secrets/web",
	"https://kv-contoso.privatelink.vaultcore.azure.cn/secrets/web",
	"https://kv-contoso.vaultcore.azure.net/secrets/web",
	"https://kv-contoso.privatelink.vault.azure.net/secrets/web",
	"https://privatelink.vaultcore.azure.net/secrets/web",
	"https://hsm-contoso.managedhsm.azure.net/keys/web",
	"https://hsm-contoso.privatelink.managedhsm.azure.net/keys/web",
	"https://kv-contoso.vault.azure.net/",
	"https://kv-contoso.vault.azure.net/certificates",
	"https://kv-contoso.vault.azure.net/certificates/web/?x=pa55word",
	`"https://kv-contoso.vault.azure.net/secrets/web"`,
	`["https://kv-contoso.vault.azure.net/secrets/web"]`,
	"'https://kv-contoso.vault.azure.net/secrets/web'",
	"[concat('https://', parameters('vault'), '.vault.azure.net/secrets/web')]",
	"[resourceId('Microsoft.KeyVault/vaults/secrets', 'kv-contoso', 'web')]",
	"/subscriptions/<subscription>/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv-contoso/secrets/web",
	"web",
	"kv-contoso/web",
}

// TestEqualSpellings checks that spellings of a URL that mean the same give the same Config.
func TestEqualSpellings(t *testing.T) {
	validate := func(url string) *contract.Config {
		config, _, err := with(func(s *contract.Settings) { entry(s).URL = url }).Validate(contract.Rules{})
		if err != nil {
			t.Errorf("%q: %v", url, err)
		}
		return config
	}
	want := validate(secret)
	for _, url := range []string{
		secret + "/", secret + "///", " " + secret + "\n", "HTTPS://myvault.VAULT.Azure.net/secrets/web", "https://myvault.vault.azure.net//Secrets/web",
		"https://myvault.vault.azure.net:443/secrets/web", "https://myvault.vault.azure.net.:443//secrets//web//",
	} {
		if diff := cmp.Diff(want, validate(url)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", url, diff)
		}
	}
}

// TestUnknownHostNamesWhereToAllowIt checks that the error names what allows a vault in each mode.
func TestUnknownHostNamesWhereToAllowIt(t *testing.T) {
	s := with(func(s *contract.Settings) { entry(s).URL = "https://kv.vault.example.org/secrets/web" })
	for mode, want := range map[contract.Mode]string{
		contract.Pod: "(chart value sidecar.allowedVaults)", contract.Host: "(variable CERTSYNC_ALLOWED_VAULTS)",
	} {
		if _, _, err := s.Validate(contract.Rules{Mode: mode}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("mode %d: got %v, want %s", mode, err, want)
		}
	}
}
