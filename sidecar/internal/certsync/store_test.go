package certsync_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
)

// A failed write to a store is retried as in the initial sync; nothing is lost.
func TestStoreFailure(t *testing.T) {
	d := newDisk()
	d.err = errors.New("no space")
	bubble(t, with("a", "b"), having("a", "b"), d, func(t *testing.T, r *rig) {
		if report := r.watch.last(); report.Ready || !strings.Contains(report.Reason, "no space") {
			t.Fatalf("report: %+v", report)
		}
		if last := r.watch.last().Certificates[0].LastSuccess; !last.IsZero() {
			t.Errorf("a success is reported for %s, but nothing was written", last)
		}
		d.setError(nil)
		pass(2 * time.Second)
		if report := r.watch.last(); !report.Ready || report.State != certsync.Success {
			t.Errorf("after the repair: %+v", report)
		}
		mustHave(t, d, "example.b", "b v1")
	})
}

// Files that turn out to be missing from a store are fetched again at once, not with the next poll.
func TestLostIsFetchedAgain(t *testing.T) {
	bubble(t, with("a", "b"), having("a", "b"), newDisk(), func(t *testing.T, r *rig) {
		r.vault.putFrom("a", "v2", time.Now().Add(40*time.Minute))
		<-r.SyncNow()
		r.vault.times("b")
		r.disk.lose("example.b")
		pass(36 * time.Minute) // the newer version of a is valid, within the allowed skew; the next poll of b is later
		mustHave(t, r.disk, "example.a", "a v2")
		mustHave(t, r.disk, "example.b", "b v1")
		if n := len(r.vault.times("b")); n != 1 {
			t.Errorf("b was requested %d times, want once", n)
		}
	})
}

// A store whose directory is removed is filled again with the next heartbeat, not with the next
// poll. While that fails, the vault is not requested more often than before.
func TestRemovedStoreIsFilledAgain(t *testing.T) {
	d := newDisk()
	bubble(t, with("a", "b"), having("a", "b"), d, func(t *testing.T, r *rig) {
		d.remove(store)
		pass(30 * time.Second)
		mustHave(t, d, "example.a", "a v1")
		mustHave(t, d, "example.b", "b v1")

		d.setError(errors.New("no such device"))
		r.vault.times("a")
		d.remove(store)
		pass(4 * time.Minute)
		if n := len(r.vault.times("a")); n != 1 {
			t.Errorf("without the device, a was requested %d times, want once", n)
		}
		if report := r.watch.last(); !report.Ready || !strings.Contains(report.Reason, "2 certificates missing: example.a: no such device") {
			t.Errorf("without the device: %+v", report)
		}
		d.setError(nil)
		<-r.SyncNow()
		mustHave(t, d, "example.b", "b v1")
	})
}

// The loop writes to a store only when it knows its content: otherwise the content would be lost.
func TestUnreadableStoreIsNotOverwritten(t *testing.T) {
	d := newDisk()
	bubble(t, with("a", "b"), having("a", "b"), d, func(*testing.T, *rig) {})
	d.setError(errors.New("locked"))
	bubble(t, with("a", "b"), having("a"), d, func(t *testing.T, r *rig) { // the vault has no b any more
		d.setError(nil)
		pass(5 * time.Second)
		mustHave(t, d, "example.b", "b v1")
		if report := r.watch.last(); !report.Ready {
			t.Errorf("report: %+v", report)
		}
	})
}

// A certificate that cannot be converted to files does not affect the others.
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
