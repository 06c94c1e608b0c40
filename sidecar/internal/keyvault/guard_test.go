package keyvault

import "testing"

// The SDK's client panics on a challenge whose authorization names no tenant.
func TestNamesTenant(t *testing.T) {
	for challenge, want := range map[string]bool{
		`Bearer authorization="https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555", resource="https://vault.azure.net"`: true,
		`Bearer resource="https://vault.azure.net", authorization="https://login.microsoftonline.com/contoso.example"`:                      true,
		`Bearer authorization="https://login.microsoftonline.com/", resource="https://vault.azure.net"`:                                     false,
		`Bearer authorization="https://login.microsoftonline.com", resource="https://vault.azure.net"`:                                      false,
		`Bearer authorization="tenant", resource="https://vault.azure.net"`:                                                                 false,
		`Bearer authorization="", resource="https://vault.azure.net"`:                                                                       false,
		`Bearer resource="https://vault.azure.net"`:                                                                                         false,
		`Basic realm="proxy"`: false,
		``:                    false,
	} {
		if got := namesTenant(challenge); got != want {
			t.Errorf("namesTenant(%q) = %t", challenge, got)
		}
	}
}

// A token is fetched ahead only where the cloud, and so the token's scope, is known.
func TestScope(t *testing.T) {
	for url, want := range map[string]string{
		"https://example.vault.azure.net":           "https://vault.azure.net/.default",
		"https://Example.Vault.Azure.CN":            "https://vault.azure.cn/.default",
		"https://example.vault.usgovcloudapi.net":   "https://vault.usgovcloudapi.net/.default",
		"https://example.vault.private.example":     "",
		"https://a.b.vault.azure.net":               "",
		"https://example.vault.azure.net.evil.test": "",
	} {
		if got := scope(url); got != want {
			t.Errorf("scope(%q) = %q, want %q", url, got, want)
		}
	}
}
