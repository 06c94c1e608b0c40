package contract_test

import (
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

func TestSignalNumber(t *testing.T) {
	for text, want := range map[string]int{
		"HUP": 1, "sigusr1": 10, "SIGTERM": 15, "WINCH": 28, "sys": 31, "12": 12, "40": 40,
	} {
		if got, err := contract.SignalNumber(text); got != want || err != nil {
			t.Errorf("%s: got %d, %v, want %d", text, got, err, want)
		}
	}
}
