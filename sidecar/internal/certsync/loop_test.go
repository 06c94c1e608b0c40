package certsync_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
)

func with(list ...string) func() certsync.Settings {
	return func() certsync.Settings { return settingsFor(list...) }
}

func having(list ...string) func() *vault { return func() *vault { return newVault(list...) } }

// A day of polls: one request per certificate and poll, about every hour, and no write after the
// first.
func TestSteadyPolls(t *testing.T) {
	bubble(t, with("a", "b"), having("a", "b"), newDisk(), func(t *testing.T, r *rig) {
		if report := r.watch.last(); report.State != certsync.Success || !report.Ready {
			t.Fatalf("after the first sync: %+v", report)
		}
		pass(24 * time.Hour)
		a, b := r.vault.times("a"), r.vault.times("b")
		if len(a) != len(b) || len(a) < 23 || len(a) > 27 {
			t.Errorf("a was requested %d times and b %d times in a day, want both about 25 times", len(a), len(b))
		}
		differ := false
		for i := 1; i < len(a); i++ {
			gap := a[i] - a[i-1]
			if gap < 54*time.Minute || gap > 66*time.Minute {
				t.Errorf("poll %d came %s after the previous one, want 1 h within 10 %%", i, gap)
			}
			differ = differ || gap != a[1]-a[0]
		}
		if !differ {
			t.Error("all polls have the same distance: the jitter is missing")
		}
		if r.disk.countChanges() != 1 {
			t.Errorf("the store was changed %d times, want once", r.disk.countChanges())
		}
	})
}

// Certificates that are renewed at the same time change in one commit, and the report names them.
func TestRenewal(t *testing.T) {
	bubble(t, with("a", "b", "c"), having("a", "b", "c"), newDisk(), func(t *testing.T, r *rig) {
		r.vault.put("a", "v2")
		r.vault.put("b", "v2")
		pass(70 * time.Minute)
		mustHave(t, r.disk, "example.a", "a v2")
		mustHave(t, r.disk, "example.b", "b v2")
		mustHave(t, r.disk, "example.c", "c v1")
		if r.disk.countChanges() != 2 {
			t.Errorf("the store was changed %d times, want twice", r.disk.countChanges())
		}
		if renewed := r.watch.last().Renewed; len(renewed) != 2 {
			t.Errorf("renewed: %v, want a and b", renewed)
		}
	})
}

// The waits of the initial sync are 1, 2, 4, 8, 16, then 30 s. After 25 attempts the state is error
// and polling continues; a later success makes the loop ready.
func TestInitialSyncGivesUp(t *testing.T) {
	bubble(t, with("a", "good"), having("good"), newDisk(), func(t *testing.T, r *rig) {
		mustHave(t, r.disk, "example.good", "good v1")
		report := r.watch.last()
		if report.State != certsync.Transitioning || report.Ready {
			t.Fatalf("after the first attempt: %+v", report)
		}
		want := "1 of 2 certificates missing after attempt 1 of 25: example.a: not found"
		if report.Reason != want {
			t.Errorf("reason %q, want %q", report.Reason, want)
		}
		pass(13 * time.Minute)
		requests := r.vault.times("a")
		if len(requests) != certsync.MaxAttempts {
			t.Fatalf("%d attempts, want %d", len(requests), certsync.MaxAttempts)
		}
		waits := []time.Duration{1, 2, 4, 8, 16, 30, 30, 30}
		for i, w := range waits {
			if gap := requests[i+1] - requests[i]; gap < w*900*time.Millisecond || gap > w*1100*time.Millisecond {
				t.Errorf("wait %d was %s, want %d s within 10 %%", i+1, gap, w)
			}
		}
		if n := len(r.vault.times("good")); n != 1 {
			t.Errorf("the good certificate was requested %d times, want once", n)
		}
		if report := r.watch.last(); report.State != certsync.Error || report.Ready {
			t.Errorf("after 25 attempts: %+v", report)
		}
		r.vault.put("a", "v1")
		pass(time.Hour)
		mustHave(t, r.disk, "example.a", "a v1")
		if report := r.watch.last(); report.State != certsync.Success || !report.Ready {
			t.Errorf("after a success: %+v", report)
		}
	})
}

// The loop keeps to a pause that a service asks for, for hours if necessary. Such a pause is not a
// failed attempt. A certificate that is not throttled does not wait.
func TestThrottlingIsNotAnAttempt(t *testing.T) {
	v := func() *vault {
		v := newVault("a", "b")
		v.fail("a", throttledError{10 * time.Second})
		return v
	}
	bubble(t, with("a", "b"), v, newDisk(), func(t *testing.T, r *rig) {
		mustHave(t, r.disk, "example.b", "b v1")
		pass(10 * time.Minute)
		requests := r.vault.times("a")
		for i := 1; i < len(requests); i++ {
			if gap := requests[i] - requests[i-1]; gap < 10*time.Second || gap > 14*time.Second {
				t.Errorf("requested again after %s, want 10 s to 14 s", gap)
			}
		}
		if len(requests) <= certsync.MaxAttempts {
			t.Fatalf("requested %d times", len(requests))
		}
		if report := r.watch.last(); report.State != certsync.Transitioning {
			t.Errorf("throttled for ten minutes: %+v", report)
		}
		r.vault.put("a", "v1")
		pass(15 * time.Second)
		if report := r.watch.last(); report.State != certsync.Success || !report.Ready {
			t.Errorf("after the throttling: %+v", report)
		}
	})
}

// Pods spread evenly if the service does not name the length of the pause.
func TestFullJitterWithoutRetryAfter(t *testing.T) {
	v := func() *vault {
		v := newVault()
		v.fail("a", throttledError{})
		return v
	}
	bubble(t, with("a"), v, newDisk(), func(t *testing.T, r *rig) {
		pass(time.Hour)
		requests := r.vault.times("a")
		short, long := 0, 0
		for i := 10; i < len(requests); i++ {
			switch gap := requests[i] - requests[i-1]; {
			case gap > 10*time.Second+50*time.Millisecond:
				t.Errorf("waited %s, want at most 10 s", gap)
			case gap < 5*time.Second:
				short++
			default:
				long++
			}
		}
		if short < 100 || long < 100 {
			t.Errorf("%d waits under 5 s and %d above, want about as many", short, long)
		}
	})
}

// With a complete store the loop is ready before the first request, and stays ready.
func TestStartsFromTheStore(t *testing.T) {
	d := newDisk()
	bubble(t, with("a"), having("a"), d, func(*testing.T, *rig) {})
	v := func() *vault {
		v := newVault()
		v.fail("a", errNetwork)
		return v
	}
	bubble(t, with("a"), v, d, func(t *testing.T, r *rig) {
		first := r.watch.first()
		if !first.Ready || first.Synced || first.Reason != "1 certificate in the store" {
			t.Errorf("first report: %+v", first)
		}
		pass(24 * time.Hour)
		mustHave(t, d, "example.a", "a v1")
		report := r.watch.last()
		if !report.Ready || report.State != certsync.Error {
			t.Errorf("after a day without the vault: %+v", report)
		}
		if want := "1 certificate in the store, 1 not up to date: example.a: no answer"; report.Reason != want {
			t.Errorf("reason %q, want %q", report.Reason, want)
		}
	})
}

// After a failure that follows the initial sync, the last good version and readiness stay; the
// other certificates are renewed.
func TestFailureKeepsTheLastGoodVersion(t *testing.T) {
	bubble(t, with("a", "b"), having("a", "b"), newDisk(), func(t *testing.T, r *rig) {
		r.vault.fail("a", errNotFound)
		r.vault.put("b", "v2")
		pass(70 * time.Minute)
		mustHave(t, r.disk, "example.a", "a v1")
		mustHave(t, r.disk, "example.b", "b v2")
		report := r.watch.last()
		if !report.Ready || report.State != certsync.Error {
			t.Errorf("report: %+v", report)
		}
		if got := report.Certificates[0]; !errors.Is(got.Err, errNotFound) || got.Installed.Version != "v1" || got.LastSuccess.IsZero() {
			t.Errorf("status of a: %+v", got)
		}
		r.vault.put("a", "v2")
		pass(70 * time.Minute)
		if report := r.watch.last(); report.State != certsync.Success || report.Certificates[0].Err != nil {
			t.Errorf("after the recovery: %+v", report)
		}
	})
}

// A newer version that is not valid yet waits, and is installed when it becomes valid, not an hour
// later.
func TestNotYetValidWaits(t *testing.T) {
	bubble(t, with("a"), having("a"), newDisk(), func(t *testing.T, r *rig) {
		valid := time.Now().Add(3*time.Hour + 30*time.Minute)
		r.vault.putFrom("a", "v2", valid)
		pass(3*time.Hour + 20*time.Minute)
		mustHave(t, r.disk, "example.a", "a v1")
		report := r.watch.last()
		if w := report.Certificates[0].Waiting; w == nil || w.Version != "v2" || report.State != certsync.Success {
			t.Errorf("while it waits: %+v", report)
		}
		time.Sleep(time.Until(valid.Add(-5*time.Minute)) + 100*time.Millisecond) // clocks may differ by 5 min
		synctest.Wait()
		mustHave(t, r.disk, "example.a", "a v2")
	})
}

// An empty store gets a version that is not valid yet: it is better than nothing.
func TestNotYetValidIsInstalledIntoAnEmptyStore(t *testing.T) {
	v := func() *vault {
		v := newVault()
		v.putFrom("a", "v1", time.Now().Add(time.Hour))
		return v
	}
	bubble(t, with("a"), v, newDisk(), func(t *testing.T, r *rig) {
		mustHave(t, r.disk, "example.a", "a v1")
	})
}
