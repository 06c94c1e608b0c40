package contract_test

import (
	"strings"
	"testing"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

func TestParsePollingInterval(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"10": 10 * time.Second, "3600": time.Hour, " 60\n": time.Minute, "1h": time.Hour, "90s": 90 * time.Second,
		"1h30m": 90 * time.Minute, "168h": 168 * time.Hour, "10000ms": 10 * time.Second,
	} {
		if got, err := contract.ParsePollingInterval(value); got != want || err != nil {
			t.Errorf("%q: got %s, %v, want %s", value, got, err, want)
		}
	}
	const syntax, low, high = "expected whole seconds", "at least 10", "at most 604800"
	for value, want := range map[string]string{
		"": syntax, "-60": syntax, "1d": syntax, "1 h": syntax, "hourly": syntax,
		"9": low, "0": low, "-1h": low,
		"604801": high, "169h": high, "99999999999999999999": high,
		"1m0.5s": "whole seconds are required",
	} {
		if got, err := contract.ParsePollingInterval(value); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %s, %v, want an error with %q", value, got, err, want)
		}
	}
}
