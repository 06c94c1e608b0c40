package certsync_test

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
)

// SyncNow polls everything at once and closes its channel after the poll was reported.
func TestSyncNow(t *testing.T) {
	bubble(t, with("a"), having("a"), newDisk(), func(t *testing.T, r *rig) {
		pass(time.Minute)
		r.vault.put("a", "v2")
		<-r.SyncNow()
		mustHave(t, r.disk, "example.a", "a v2")
		if got := r.watch.last().Certificates[0].Installed.Version; got != "v2" {
			t.Errorf("reported version %s", got)
		}
	})
}

// The heartbeat comes at least every 30 seconds, also between polls.
func TestBeats(t *testing.T) {
	bubble(t, with("a"), having("a"), newDisk(), func(t *testing.T, r *rig) {
		pass(3 * time.Hour)
		if silence := r.watch.longestSilence(); silence > 30*time.Second {
			t.Errorf("no heartbeat for %s", silence)
		}
	})
}

// Without certificates the loop sends its heartbeat, is ready, and reports why; SyncNow ends at
// once.
func TestNoCertificates(t *testing.T) {
	bubble(t, with(), having(), newDisk(), func(t *testing.T, r *rig) {
		if report := r.watch.first(); !report.Ready || report.State != certsync.Success || report.Reason != "no certificates to sync" {
			t.Errorf("first report: %+v", report)
		}
		pass(3 * time.Hour)
		<-r.SyncNow()
		if silence := r.watch.longestSilence(); silence > 30*time.Second {
			t.Errorf("no heartbeat for %s", silence)
		}
		if report := r.watch.last(); report.State != certsync.Success || !report.Ready {
			t.Errorf("last report: %+v", report)
		}
	})
}

// With requireInitialSync false the loop is ready at once.
func TestInitialSyncNotRequired(t *testing.T) {
	s := func() certsync.Settings {
		s := settingsFor("a")
		s.RequireInitialSync = false
		return s
	}
	bubble(t, s, having(), newDisk(), func(t *testing.T, r *rig) {
		if report := r.watch.first(); !report.Ready {
			t.Errorf("first report: %+v", report)
		}
	})
}

// Changed settings apply at once: a new certificate is installed, a removed one is deleted, and
// readiness stays. A link keeps its certificate until the other certificate is installed.
func TestChange(t *testing.T) {
	bubble(t, with("a", "b"), having("a", "b"), newDisk(), func(t *testing.T, r *rig) {
		next := settingsFor("b", "new")
		next.Certificates[0].LinkName = "example.a" // was the link of a
		r.vault.fail("b", errNetwork)
		r.Change(next)
		pass(time.Second / 2)
		mustHave(t, r.disk, "example.a", "a v1")
		mustHave(t, r.disk, "example.b", "")
		report := r.watch.last()
		if !report.Ready || report.State != certsync.Transitioning || report.Certificates[0].Installed.Version != "" {
			t.Errorf("report: %+v", report)
		}
		r.vault.put("b", "v1")
		r.vault.put("new", "v1")
		pass(5 * time.Second)
		mustHave(t, r.disk, "example.a", "b v1")
		mustHave(t, r.disk, "example.new", "new v1")
		if report := r.watch.last(); report.State != certsync.Success {
			t.Errorf("report: %+v", report)
		}
	})
}

// Once returns when everything is installed, or with the reason why that is not possible. It can
// also insist on the newest versions.
func TestOnce(t *testing.T) {
	for name, c := range map[string]struct {
		prepare   func(*vault)
		installed bool // before, with an older version of "a"
		newest    bool
		want      string
		took      time.Duration
	}{
		"all there": {want: "", took: time.Second},
		"comes later": {prepare: func(v *vault) {
			v.fail("a", errNetwork)
			time.AfterFunc(10*time.Second, func() { v.put("a", "v2") })
		}, took: 20 * time.Second},
		"permanent failure": {
			prepare: func(v *vault) { v.fail("a", errNotFound) },
			want:    "https://example.vault.azure.net/secrets/a: not found", took: time.Second,
		},
		"never comes": {
			prepare: func(v *vault) { v.fail("a", errNetwork) },
			want:    "https://example.vault.azure.net/secrets/a: no answer", took: 15 * time.Minute,
		},
		"an older version is enough": {
			prepare: func(v *vault) { v.fail("a", errNetwork) }, installed: true, took: time.Second,
		},
		"an older version is not enough": {
			prepare: func(v *vault) { v.fail("a", errNetwork) }, installed: true, newest: true,
			want: "https://example.vault.azure.net/secrets/a is not up to date: no answer", took: time.Second,
		},
		"the newest version after a pause": {prepare: func(v *vault) {
			v.fail("a", throttledError{time.Minute})
			time.AfterFunc(30*time.Second, func() { v.put("a", "v2") })
		}, installed: true, newest: true, took: 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v, d := newVault("a", "b"), newDisk()
				once := func() error {
					return certsync.New(settingsFor("a", "b"), v, d, &watcher{}, slog.New(slog.DiscardHandler)).Once(t.Context(), c.newest)
				}
				if c.installed {
					if err := once(); err != nil {
						t.Fatal(err)
					}
				}
				if c.prepare != nil {
					c.prepare(v)
				}
				began := time.Now()
				if text := errorText(once()); text != c.want {
					t.Errorf("error %q, want %q", text, c.want)
				}
				if took := time.Since(began); took > c.took {
					t.Errorf("took %s, want at most %s", took, c.took)
				}
			})
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
