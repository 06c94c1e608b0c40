package migrate

import (
	"strings"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

const classHead = "kind: SecretProviderClass\nmetadata: {name: web}\nspec:\n  provider: azure\n  parameters:\n"

func TestClass(t *testing.T) {
	for _, test := range []struct {
		name, parameters string
		annotations      map[string]string // without prefix
		note, err        string
	}{
		{
			"pinned version", "    keyvaultName: examplevault\n    objects: 'array: [{objectName: web, objectType: secret, objectVersion: abc}]'\n",
			map[string]string{contract.KeyCertificates: "https://examplevault.vault.azure.net/secrets/web/abc"}, "must be a certificate", "",
		},
		{
			"twice", "    keyvaultName: examplevault\n    objects: 'array: [{objectName: web, objectType: secret}, {objectName: web, objectType: cert}]'\n",
			map[string]string{contract.KeyCertificates: "https://examplevault.vault.azure.net/secrets/web"}, "private key", "",
		},
		{
			"managed identity", "    keyvaultName: examplevault\n    useVMManagedIdentity: 'true'\n    objects: 'array: [{objectName: web, objectType: cert}]'\n",
			map[string]string{contract.KeyCertificates: "https://examplevault.vault.azure.net/secrets/web", contract.KeyCredential: contract.CredentialManagedIdentity}, "", "",
		},
		{"no vault", "    objects: 'array: [{objectName: web, objectType: cert}]'\n", nil, "", "parameters.keyvaultName is missing"},
		{"unknown cloud", "    keyvaultName: examplevault\n    cloudName: Moon\n", nil, "", `"Moon" is not a cloud`},
		{"no objects", "    keyvaultName: examplevault\n", nil, "", "has no array with objects"},
		{"no name", "    keyvaultName: examplevault\n    objects: 'array: [{objectType: cert}]'\n", nil, "", "object 1: objectName is missing"},
		{"objects are not YAML", "    keyvaultName: examplevault\n    objects: ']'\n", nil, "", "parameters.objects: "},
		{"invalid vault", "    keyvaultName: no_vault\n    objects: 'array: [{objectName: web, objectType: cert}]'\n", nil, "", "no_vault"},
	} {
		r, err := Convert([]byte(classHead+test.parameters), Options{Name: "settings"})
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%s: error %v, want %q", test.name, err, test.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if len(r.Annotations) != len(test.annotations) {
			t.Errorf("%s: annotations %v", test.name, r.Annotations)
		}
		for key, want := range test.annotations {
			if got := r.Annotations[contract.Prefix+key]; got != want {
				t.Errorf("%s: annotation %s is %q, want %q", test.name, key, got, want)
			}
		}
		if !strings.Contains(strings.Join(r.Notes, "\n"), test.note) {
			t.Errorf("%s: no note contains %q: %q", test.name, test.note, r.Notes)
		}
	}
}
