package contract_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// TestWrongRoot shows the messages for texts that are not a settings object. One text of each kind
// that jsontree refuses shows that its message and position get into the error.
func TestWrongRoot(t *testing.T) {
	texts := []string{
		"",
		"\xef\xbb\xbf{}",
		"{\"secretsManagementSettings\": \"\xe9\"}",
		"{} {}",
		"{\n  \"secretsManagementSettings\": {\n    \"port\": 9000,\n  }\n}",
		"secretsManagementSettings:\n  port: 9000\n",
		`"authenticationSettings": {"msiClientId": "00001111-aaaa-2222-bbbb-3333cccc4444"}`,
		`"{\"secretsManagementSettings\": {}}"`,
		"[]",
		"null",
		"3",
		"true",
		`[{"secretsManagementSettings": {}}]`,
		`{"settings": {"secretsManagementSettings": {}}}`,
		`{"value": {"x": [{"secretsManagementSettings": {}}, {"secretsManagementSettings": {}}]}}`,
		`{"kind": "ConfigMap", "apiVersion": "v1", "data": {"settings.json": "{\"secretsManagementSettings\": {}}"}}`,
		`{"type": "Microsoft.Compute/virtualMachines/extensions", "properties": {"settings": "[variables('kv')]"}}`,
		`{"publisher": "Microsoft.Azure.KeyVault", "settings": {}, "protectedSettings": {"secretsManagementSettings": {}}}`,
		`{"publisher": "Microsoft.Azure.KeyVault", "settings": {}}`,
		`{"pollingIntervalInS": "3600", "observedCertificates": []}`,
		`{"settings": {"secretsManagementSettings": {}}, "authenticationSettings": {}}`,
		`{"secretsManagementSettings": {}, "settings": {"authenticationSettings": {}}}`,
		`{"secretsManagementSettings": {}, "settings": "{\"authenticationSettings\": {}}"}`,
		`{"properties": {"settings": {"secretsManagementSettings": {}}}, "authenticationSettings": {}}`,
		`{"secretsManagementSettings": {"secretsManagementSettings": {"port": 9000}}}`,
		`{"secretsManagementSettings": {"settings": {"pollingIntervalInS": "60"}}}`,
		`{"secretsManagementSettings": {"observedCertificates": [{"certificate": {"url": "x"}}]}}`,
		`{"secretsManagementSettings": {"extra": {"authenticationSettings": {}}, "authenticationSettings": {}}}`,
		`{"settings": {"pollingIntervalInS": "60", "observedCertificates": []}}`,
		`{"publicSettings": {"secretsManagementSettings": {}}, "protectedSettings": {"authenticationSettings": {}}}`,
		`{"runtimeSettings": [{"handlerSettings": {"publicSettings": {"secretsManagementSettings": {}}, "protectedSettings": null}}]}`,
		`[{"name": "other", "settings": {}}, {"name": "KeyVaultForLinux", "settings": {"secretsManagementSettings": {}}}]`,
		`{"virtualMachineProfile": {"extensionProfile": {"extensions": [{"publisher": "x", "settings": {"secretsManagementSettings": {}}}]}}}`,
		`{"$schema": "settings.schema.json", "secretsManagementSettings": {}}`,
		`{"$schema": 3, "secretsManagementSettings": {"$schema": "x"}}`,
		strings.Repeat("[", 20000),
	}
	var b strings.Builder
	for _, text := range texts {
		fmt.Fprintf(&b, "%.120q\n", text)
		if _, err := contract.Parse([]byte(text)); err != nil {
			fmt.Fprintf(&b, "    error: %s\n", err)
		} else {
			b.WriteString("    accepted\n")
		}
	}
	golden(t, "wrong-root", b.String())
}
