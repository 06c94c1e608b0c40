package contract_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// TestFieldErrors checks that errors.As finds the errors of Validate, which the webhook relies on
// to name the annotation. Like in the webhook, the settings do not come from Parse.
func TestFieldErrors(t *testing.T) {
	s := with(func(s *contract.Settings) {
		s.SecretsManagement.PollingInterval = contract.Seconds(1500 * time.Millisecond)
		s.SecretsManagement.Port = -1
	})
	_, _, err := s.Validate(contract.Rules{})
	var list contract.FieldErrors
	var first *contract.FieldError
	if !errors.As(err, &list) || !errors.As(err, &first) {
		t.Fatalf("%T does not contain the errors: %v", err, err)
	}
	var paths []string
	for _, e := range list {
		paths = append(paths, e.Path)
	}
	if diff := cmp.Diff([]string{"secretsManagementSettings.pollingIntervalInS", "secretsManagementSettings.port"}, paths); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
	if first != list[0] || first.Line != 0 {
		t.Errorf("got %+v, want the first error, without line and column", first)
	}
}
