package rig

import (
	"strings"
	"testing"
)

// Requests are what the API server would send: whole, and about the account.
func TestRequest(t *testing.T) {
	text, err := Request("team-00", "workload-account-00020")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		`"namespace":"team-00"`, `"serviceAccountName":"workload-account-00020"`,
		"Host: azure-cert-sync-webhook.azure-cert-sync-system.svc\r\n",
	} {
		if !strings.Contains(string(text), part) {
			t.Errorf("%s is missing in %s", part, text)
		}
	}
}
