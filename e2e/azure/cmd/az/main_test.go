package main

import (
	"bytes"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
)

// The commands need what they need in Azure, print what it prints, and change the emulator.
func TestCommands(t *testing.T) {
	emulator, err := azure.New(azure.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(emulator.AdminHandler())
	defer server.Close()
	t.Setenv("AZURE_EMULATOR_ADMIN", server.URL)
	t.Setenv("AZ_STATE", filepath.Join(t.TempDir(), "az.json"))
	t.Setenv("AZ_TENANT", "11111111-2222-3333-4444-555555555555")
	t.Setenv("AZ_ISSUER", "https://issuer.example.com/")

	const policy = `{"issuerParameters":{"name":"Self"},"keyProperties":{"exportable":true,"keyType":"RSA","keySize":2048},` +
		`"x509CertificateProperties":{"subject":"CN=shop.example.com"}}`
	for _, step := range []struct {
		args []string
		code int
		want string // in the output, or in the error
	}{
		{[]string{"vm", "create"}, 2, "not played here"},
		{[]string{"group", "create", "--name", "g"}, 2, "required: --location"},
		{[]string{"group", "create", "--name", "g", "--colour", "red"}, 2, "unrecognized arguments: --colour"},
		{[]string{"identity", "create", "-n", "shop", "-g", "g"}, 1, "ResourceGroupNotFound"},
		{[]string{"group", "create", "-n", "g", "-l", "westeurope", "--query", "properties.provisioningState", "-o", "tsv"}, 0, "Succeeded\n"},
		{[]string{"identity", "create", "-n", "shop", "-g", "g"}, 0, `"clientId"`},
		{[]string{"identity", "federated-credential", "create", "-n", "f", "-g", "g", "--identity-name", "other",
			"--issuer", "i", "--subject", "s", "--audience", "a"}, 1, "ResourceNotFound"},
		{[]string{"identity", "federated-credential", "create", "-n", "f", "-g", "g", "--identity-name", "shop",
			"--issuer", "i", "--subject", "s", "--audience", "a", "--query", "subject", "-o", "tsv"}, 0, "s\n"},
		{[]string{"keyvault", "create", "-n", "vault", "-g", "g", "-l", "westeurope", "--enable-rbac-authorization", "true",
			"--query", "properties.vaultUri", "-o", "tsv"}, 0, "https://vault.vault.azure.net/\n"},
		{[]string{"keyvault", "certificate", "create", "--vault-name", "vault", "--name", "shop-tls", "--policy", policy}, 1, "Forbidden"},
		{[]string{"role", "assignment", "create", "--role", roleCertificates, "--assignee-object-id", user,
			"--assignee-principal-type", "User", "--scope", resourceID("g", "Microsoft.KeyVault/vaults", "vault"), "-o", "none"}, 0, ""},
		{[]string{"keyvault", "certificate", "create", "--vault-name", "vault", "--name", "shop-tls", "--policy", policy,
			"--query", "status", "-o", "tsv"}, 0, "completed\n"},
		{[]string{"group", "delete", "-n", "g", "--yes", "--no-wait"}, 0, ""},
		{[]string{"identity", "show", "-n", "shop", "-g", "g"}, 1, "ResourceNotFound"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), step.args, &stdout, &stderr)
		if got := stdout.String() + stderr.String(); code != step.code || !strings.Contains(got, step.want) {
			t.Errorf("az %s: exit code %d and output %q, want %d and %q", strings.Join(step.args, " "), code, got, step.code, step.want)
		}
	}
	versions, err := emulator.Versions(t.Context(), azure.SecretRef{Vault: "vault.vault.azure.net", Name: "shop-tls"})
	if err != nil || len(versions) != 1 {
		t.Errorf("the vault has versions %v (error %v), want one", versions, err)
	}
}
