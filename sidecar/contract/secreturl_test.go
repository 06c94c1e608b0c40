package contract_test

import (
	"testing"

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
