package contract_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// TestSyntax shows the message for every kind of text that is no settings object.
func TestSyntax(t *testing.T) {
	texts := []string{
		"",
		" \n",
		"\xef\xbb\xbf",
		"\xef\xbb\xbf{}",
		"\xff\xfe{\x00}\x00",
		"{\"secretsManagementSettings\": \"\xe9\"}",
		"{} {}",
		"{},",
		"{",
		"{\"a",
		"{\"a\": [",
		"{\n  \"secretsManagementSettings\": {\n    \"port\": 9000,\n  }\n}",
		"{\"formats\": [\"pem\", ]}",
		"{\"a\": \"ü\",}",
		"{,}",
		"[1,,2]",
		"{\"a\": ,}",
		`{\"secretsManagementSettings\": {}}`,
		`{"secretsManagementSettings": {"port\": 1}}`,
		`"{\"secretsManagementSettings\": {}}"`,
		"// settings\n{}",
		"{\"a\": 1 /* one */}",
		"# settings\n{}",
		"{\"port\": <port>}",
		"{'port': 9000}",
		"{“port”: 9000}",
		"{port: 9000}",
		"secretsManagementSettings:\n  port: 9000\n",
		"{\"a\" 1}",
		"{\"a\": 1 \"b\": 2}",
		"[1 2]",
		"{\"a\": True}",
		"{\"a\": nul}",
		"{\"a\": 01}",
		"{\"a\": +1}",
		"{\"a\": \"line\nbreak\"}",
		"{\"a\": \"C:\\data\"}",
		"{\"a\": \"\\u12g4\"}",
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
		`"authenticationSettings": {"msiClientId": "00001111-aaaa-2222-bbbb-3333cccc4444"}`,
		`"secretsManagementSettings": {"requireInitialSync": true, ...}`,
		`{"secretsManagementSettings": {"requireInitialSync": true, ...}}`,
		`{"pollingIntervalInS": "3600", "observedCertificates": []}`,
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
	golden(t, "syntax", b.String())
}
