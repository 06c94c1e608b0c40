package certsync_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

type forbiddenError struct{}

func (forbiddenError) Error() string         { return "not allowed" }
func (forbiddenError) FailureReason() string { return contract.ReasonForbidden }

// A report has the reason of each failure of its round, and each status the reason of its last
// failure.
func TestFailureReasons(t *testing.T) {
	bubble(t, with("a", "b", "c"), having("a", "b", "c"), newDisk(), func(t *testing.T, r *rig) {
		if report := r.watch.last(); len(report.Failures) != 0 || report.Interval != time.Hour {
			t.Errorf("without failures: %+v", report)
		}
		r.vault.fail("a", fmt.Errorf("fetching: %w", forbiddenError{}))
		r.vault.fail("b", errNetwork)
		r.watch.reports = nil
		pass(70 * time.Minute)
		var reasons []string
		for _, s := range r.watch.last().Certificates {
			reasons = append(reasons, s.FailureReason())
		}
		if want := []string{contract.ReasonForbidden, contract.ReasonOther, ""}; !slices.Equal(reasons, want) {
			t.Errorf("reasons of the certificates: %q, want %q", reasons, want)
		}
		first := r.watch.first().Failures
		slices.Sort(first)
		if want := []string{contract.ReasonForbidden, contract.ReasonOther}; !slices.Equal(first, want) {
			t.Errorf("failures of the first round: %q, want %q", first, want)
		}
	})
}
