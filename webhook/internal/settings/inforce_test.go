package settings_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

// The group comes from one level as a whole; each other key is looked up separately.
func TestInForce(t *testing.T) {
	got := settings.InForce(settings.Sources{
		Pod:            map[string]string{contract.Prefix + contract.KeyCertificates: "https://a", contract.Prefix + contract.KeyPort: " "},
		ServiceAccount: map[string]string{contract.Prefix + contract.KeySettings: "{}", contract.Prefix + contract.KeyPort: " 9000 "},
		Namespace:      map[string]string{contract.Prefix + contract.KeyPort: "9001", "other": "x"},
		Chart:          map[string]string{contract.KeyPollingInterval: "600"},
	})
	want := []settings.Value{
		{Key: contract.KeyCertificates, Text: "https://a", Level: settings.Pod},
		{Key: contract.KeyPollingInterval, Text: "600", Level: settings.Chart},
		{Key: contract.KeyPort, Text: "9000", Level: settings.ServiceAccount},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("in force (-want +got):\n%s", diff)
	}
	if got := settings.InForce(settings.Sources{}); got != nil {
		t.Errorf("without annotations: %v", got)
	}
}
