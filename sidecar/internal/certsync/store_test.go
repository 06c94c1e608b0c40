package certsync_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
)

// A store that cannot be written is tried again as in the initial sync; nothing is lost.
func TestStoreFailure(t *testing.T) {
	d := newDisk()
	d.err = errors.New("no space")
	bubble(t, with("a", "b"), having("a", "b"), d, func(t *testing.T, r *rig) {
		if report := r.watch.last(); report.Ready || !strings.Contains(report.Reason, "no space") {
			t.Fatalf("report: %+v", report)
		}
		if last := r.watch.last().Certificates[0].LastSuccess; !last.IsZero() {
			t.Errorf("success is told for %s, but nothing was written", last)
		}
		d.setError(nil)
		pass(2 * time.Second)
		if report := r.watch.last(); !report.Ready || report.State != certsync.Success {
			t.Errorf("after the repair: %+v", report)
		}
		mustHave(t, d, "example.b", "b v1")
	})
}

// What a store turns out to have lost is fetched again at once, and not with the next poll.
func TestLostIsFetchedAgain(t *testing.T) {
	bubble(t, with("a", "b"), having("a", "b"), newDisk(), func(t *testing.T, r *rig) {
		r.vault.putFrom("a", "v2", time.Now().Add(40*time.Minute))
		<-r.SyncNow()
		r.vault.times("b")
		r.disk.lose("example.b")
		pass(36 * time.Minute) // a's newer version is valid, give or take the skew of clocks; b is not due yet
		mustHave(t, r.disk, "example.a", "a v2")
		mustHave(t, r.disk, "example.b", "b v1")
		if n := len(r.vault.times("b")); n != 1 {
			t.Errorf("b was asked for %d times, want once", n)
		}
	})
}

// Nothing is committed to a store before it is known what it has: what is there would be lost.
func TestUnreadableStoreIsNotOverwritten(t *testing.T) {
	d := newDisk()
	bubble(t, with("a", "b"), having("a", "b"), d, func(*testing.T, *rig) {})
	d.setError(errors.New("locked"))
	bubble(t, with("a", "b"), having("a"), d, func(t *testing.T, r *rig) { // b is not there any more
		d.setError(nil)
		pass(5 * time.Second)
		mustHave(t, d, "example.b", "b v1")
		if report := r.watch.last(); !report.Ready {
			t.Errorf("report: %+v", report)
		}
	})
}

// A certificate that cannot be turned into files fails alone.
func TestOneCertificateCannotBeWritten(t *testing.T) {
	d := newDisk()
	d.failed = map[string]error{"example.a": errors.New("keystore password: no such file")}
	bubble(t, with("a", "b"), having("a", "b"), d, func(t *testing.T, r *rig) {
		mustHave(t, d, "example.b", "b v1")
		mustHave(t, d, "example.a", "")
		if report := r.watch.last(); report.Ready || !strings.Contains(report.Reason, "keystore password") {
			t.Errorf("report: %+v", report)
		}
	})
}
