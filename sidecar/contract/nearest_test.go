package contract_test

import (
	"strings"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

func TestNearest(t *testing.T) {
	for word, want := range map[string]string{
		"certificate": "certificates", "Certificates": "certificates", "certificats": "certificates",
		"polling": "polling-interval", "poling-interval": "polling-interval", "prot": "port",
		"setings": "settings", "settings-configmaps": "settings-configmap", "file-mod": "file-mode",
		"reload_signal": "reload-signal", "fromats": "formats", "keystore": "keystore-password-secret",
		"": "", "x": "", "tls": "", strings.Repeat("settings", 10000): "settings",
	} {
		if got := contract.Nearest(word, contract.AnnotationKeys()); got != want {
			t.Errorf("%.30q: got %q, want %q", word, got, want)
		}
	}
}
