package contract_test

import (
	"os"
	"strings"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// A sidecar reads the settings that the webhook of an earlier release wrote into a pod, and an
// earlier sidecar those that today's webhook writes for the same annotations: they are encoded in
// the same bytes. So webhook and sidecar may be one release apart, in either direction, as long as
// nobody uses a new setting.
//
// testdata/skew/<release>.jsonl has the values of CERTSYNC_SETTINGS in the release's golden files.
func TestVersionSkew(t *testing.T) {
	content, err := os.ReadFile("testdata/skew/v0.1.0.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		settings, err := contract.Parse([]byte(line))
		if err != nil {
			t.Errorf("cannot read the settings of the release before: %v: %s", err, line)
			continue
		}
		// Without certificates they are the overrides of a ConfigMap, and incomplete by themselves.
		if strings.Contains(line, "observedCertificates") {
			if _, _, err := settings.Validate(contract.Rules{Mode: contract.Pod}); err != nil {
				t.Errorf("the settings of the release before are refused: %v: %s", err, line)
			}
		}
		encoded, err := settings.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if string(encoded) != line {
			t.Errorf("today's webhook writes\n%s\ninstead of\n%s\nwhich the sidecar of the release before reads", encoded, line)
		}
	}
}
