package contract_test

import (
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

func TestEscapeVariable(t *testing.T) {
	for value, want := range map[string]string{"": "", "a": "a", "$(A)": "$$(A)", "$$": "$$$$", "a$": "a$$"} {
		if got := contract.EscapeVariable(value); got != want {
			t.Errorf("%q: got %q, want %q", value, got, want)
		}
	}
}
