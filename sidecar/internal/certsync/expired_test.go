package certsync_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
)

// A newest version that has expired does not replace one that is valid. It is a failure until the
// certificate is renewed, or until the installed version expires, too.
func TestExpiredVersionDoesNotReplaceAValidOne(t *testing.T) {
	const year = 365 * 24 * time.Hour
	bubble(t, with("a", "b"), having("a", "b"), newDisk(), func(t *testing.T, r *rig) {
		r.vault.putFrom("a", "v2", time.Now().Add(-2*year))
		pass(70 * time.Minute)
		mustHave(t, r.disk, "example.a", "a v1")
		report := r.watch.last()
		if report.State != certsync.Error || !report.Ready || !strings.Contains(report.Reason, "the newest version in the vault, v2, expired at ") ||
			!strings.Contains(report.Reason, "version v1, valid until ") {
			t.Errorf("state %s, ready %t: %s", report.State, report.Ready, report.Reason)
		}
		if s := report.Certificates[0]; s.Err == nil || s.Installed.Version != "v1" || s.LastSuccess.Equal(report.Time) {
			t.Errorf("status %+v", s)
		}
		r.vault.put("a", "v3")
		pass(70 * time.Minute)
		mustHave(t, r.disk, "example.a", "a v3")
		if report := r.watch.last(); report.State != certsync.Success {
			t.Errorf("after the renewal: %s: %s", report.State, report.Reason)
		}
		r.vault.putFrom("a", "v4", time.Now().Add(-2*year))
		pass(year)
		mustHave(t, r.disk, "example.a", "a v4")
	})
}

// An empty store gets an expired version, because there is no other one. A version that the
// settings name is installed even so.
func TestExpiredVersionIsInstalled(t *testing.T) {
	v := func() *vault {
		v := newVault()
		v.putFrom("a", "v1", time.Now().Add(-3*365*24*time.Hour))
		return v
	}
	bubble(t, with("a"), v, newDisk(), func(t *testing.T, r *rig) {
		mustHave(t, r.disk, "example.a", "a v1")
		r.vault.put("a", "v2")
		pass(70 * time.Minute)
		r.vault.putFrom("a", "v1", time.Now().Add(-3*365*24*time.Hour))
		pinned := settingsFor("a")
		pinned.Certificates[0].Version = "v1"
		r.Change(pinned)
		pass(time.Minute)
		mustHave(t, r.disk, "example.a", "a v1")
	})
}

// The warnings of the installed version stay in the status, whatever the later polls return.
func TestWarningsOfAVersion(t *testing.T) {
	bubble(t, with("a"), having("a"), newDisk(), func(t *testing.T, r *rig) {
		warn := func(version string, texts ...string) {
			r.vault.put("a", version)
			r.vault.mu.Lock()
			f := r.vault.versions["a"]
			f.Warnings = texts
			r.vault.versions["a"] = f
			r.vault.mu.Unlock()
		}
		want := func(texts ...string) {
			t.Helper()
			pass(70 * time.Minute)
			if got := r.watch.last().Certificates[0].Warnings; !slices.Equal(got, texts) {
				t.Errorf("warnings %q, want %q", got, texts)
			}
		}
		warn("v2", "one is left out")
		want("one is left out")
		r.vault.fail("a", errNetwork)
		want("one is left out")
		warn("v3")
		want()
	})
}
