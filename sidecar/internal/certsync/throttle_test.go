package certsync_test

import (
	"testing"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
)

// throttle makes the vault refuse these certificates, without naming a pause.
func (v *vault) throttle(names ...string) {
	for _, name := range names {
		v.fail(name, throttledError{})
	}
}

// total returns the number of requests for certificates, and forgets them.
func (v *vault) total(names []string) (n int) {
	for _, name := range names {
		n += len(v.times(name))
	}
	return n
}

// Of all certificates that a vault refuses to serve, one is requested again, and all once it is
// served.
func TestOneProbeForAThrottledVault(t *testing.T) {
	list := names(10)
	v := func() *vault {
		v := newVault()
		v.throttle(list...)
		return v
	}
	bubble(t, with(list...), v, newDisk(), func(t *testing.T, r *rig) {
		pass(10 * time.Minute)
		if n := r.vault.total(list); n < 60 || n > 300 {
			t.Errorf("%d requests in ten minutes of throttling, want ten at the start, then one every 5 s", n)
		}
		for _, name := range list {
			r.vault.put(name, "v1")
		}
		pass(11 * time.Second)
		if n := r.vault.total(list); n != 10 {
			t.Errorf("%d requests after the throttling, want one for each certificate", n)
		}
		if report := r.watch.last(); report.State != certsync.Success || !report.Ready {
			t.Errorf("after the throttling: %+v", report)
		}
	})
}

// A certificate that stays throttled, for its identity for example, does not hold back the others
// of its vault for long, and those of other vaults not at all.
func TestThrottledCertificateHoldsBackNoOther(t *testing.T) {
	list := names(4)
	v := func() *vault {
		v := newVault(list[3])
		v.throttle(list[:3]...)
		return v
	}
	settings := func() certsync.Settings {
		s := settingsFor(list...)
		s.Certificates[2].VaultURL = "https://other.vault.azure.net"
		return s
	}
	bubble(t, settings, v, newDisk(), func(t *testing.T, r *rig) {
		mustHave(t, r.disk, "example."+list[3], list[3]+" v1")
		pass(time.Minute)
		r.vault.put(list[2], "v1")
		pass(11 * time.Second)
		mustHave(t, r.disk, "example."+list[2], list[2]+" v1")
		r.vault.put(list[1], "v1")
		pass(10 * time.Minute)
		mustHave(t, r.disk, "example."+list[1], list[1]+" v1")
		mustHave(t, r.disk, "example."+list[0], "")
	})
}

// every returns the settings of a loop that polls with this interval.
func every(interval time.Duration, names ...string) func() certsync.Settings {
	return func() certsync.Settings {
		s := settingsFor(names...)
		s.Interval = interval
		return s
	}
}

// A poll that fails is repeated after 5, 10 and 20 minutes, all certificates together, and not only
// with the next poll.
func TestFailedPollIsRepeated(t *testing.T) {
	bubble(t, every(4*time.Hour, "a", "b"), having("a", "b"), newDisk(), func(t *testing.T, r *rig) {
		r.vault.times("a")
		r.vault.times("b")
		r.vault.fail("a", errNetwork)
		r.vault.fail("b", errNetwork)
		pass(6 * time.Hour)
		a, b := r.vault.times("a"), r.vault.times("b")
		if len(a) < 4 || len(a) != len(b) {
			t.Fatalf("requests at %v and %v, want the poll and at least three repetitions", a, b)
		}
		for i, want := range []time.Duration{5 * time.Minute, 10 * time.Minute, 20 * time.Minute} {
			if gap := a[i+1] - a[i]; gap < want*9/10 || gap > want*11/10 {
				t.Errorf("repetition %d after %s, want %s within 10 %%", i+1, gap, want)
			}
			if apart := (a[i+1] - b[i+1]).Abs(); apart > 50*time.Millisecond {
				t.Errorf("repetition %d: %s apart, want one round", i+1, apart)
			}
		}
		r.vault.put("a", "v2")
		r.vault.put("b", "v1")
		pass(5 * time.Hour)
		mustHave(t, r.disk, "example.a", "a v2")
		r.vault.times("a")
		r.vault.fail("a", errNetwork) // the waits begin again
		pass(5 * time.Hour)
		if a = r.vault.times("a"); len(a) < 2 || a[1]-a[0] > 330*time.Second {
			t.Errorf("requests at %v, want a repetition after 5 minutes", a)
		}
	})
}

// At a short interval the next poll comes soon enough.
func TestShortIntervalHasNoRepetition(t *testing.T) {
	bubble(t, every(5*time.Minute, "a"), having("a"), newDisk(), func(t *testing.T, r *rig) {
		r.vault.fail("a", errNetwork)
		pass(time.Hour)
		requests := r.vault.times("a")
		for i := 1; i < len(requests); i++ {
			if gap := requests[i] - requests[i-1]; gap < 270*time.Second || gap > 330*time.Second {
				t.Errorf("request %d came %s after the previous one, want 5 minutes within 10 %%", i, gap)
			}
		}
	})
}

// After a start in which the vault was at its limit, the first poll comes after half to one and a
// half of the interval, counted from the end of the initial sync: loops that started together
// spread over one interval.
func TestFirstPollAfterCrowdedStart(t *testing.T) {
	earlier, later := 0, 0
	for range 40 {
		v := func() *vault {
			v := newVault()
			v.fail("a", throttledError{wait: time.Minute})
			return v
		}
		bubble(t, with("a"), v, newDisk(), func(t *testing.T, r *rig) {
			pass(20 * time.Minute)
			r.vault.put("a", "v1")
			pass(2 * time.Minute)
			r.vault.times("a")
			synced := r.watch.last().Certificates[0].LastSuccess.Sub(r.vault.began)
			pass(91 * time.Minute)
			gap := r.vault.times("a")[0] - synced
			switch {
			case gap < 30*time.Minute || gap > 90*time.Minute:
				t.Errorf("the first poll came after %s, want 30 to 90 minutes", gap)
			case gap < 54*time.Minute:
				earlier++
			case gap > 66*time.Minute:
				later++
			}
		})
	}
	if earlier < 5 || later < 5 {
		t.Errorf("%d of 40 first polls came more than 10 %% earlier and %d more than 10 %% later, want about 16 of each", earlier, later)
	}
}
