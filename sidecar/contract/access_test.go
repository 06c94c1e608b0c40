package contract_test

import (
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

func TestParseID(t *testing.T) {
	for text, want := range map[string]uint32{"0": 0, "1000": 1000, "4294967294": 4294967294} {
		if got, ok := contract.ParseID(text); got != want || !ok {
			t.Errorf("%s: got %d, %t, want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "4294967295", "-1", "+1", "app1", "1e3"} {
		if got, ok := contract.ParseID(text); ok {
			t.Errorf("%q: got %d, want it to be refused", text, got)
		}
	}
}
