package reload_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/reload"
)

// app is the receiver of Calls. It records the time of each attempt, in seconds after the start.
type app struct {
	mu    sync.Mutex
	began time.Time
	err   error
	hang  bool
	tried []string
	calls int
}

type call struct {
	*app
	number int
}

func (a *app) newCall() reload.Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls++
	return call{a, a.calls}
}

func (c call) Try(ctx context.Context) error {
	c.mu.Lock()
	c.tried = append(c.tried, fmt.Sprintf("call %d at %.0fs", c.number, time.Since(c.began).Seconds()))
	err, hang := c.err, c.hang
	c.mu.Unlock()
	if hang {
		<-ctx.Done()
	}
	return err
}

func (a *app) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.err = err
}

// history returns the attempts since its last call.
func (a *app) history() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.tried
	a.tried = nil
	return h
}

// reportOf returns a report of the versions in a store, by link.
func reportOf(versions map[string]string, renewed ...string) certsync.Report {
	var r certsync.Report
	for link, version := range versions {
		r.Certificates = append(r.Certificates, certsync.Status{
			Certificate: contract.Certificate{Store: "/store", LinkName: link},
			Installed:   certsync.Installed{FileName: "example." + link, Version: version},
		})
	}
	for _, link := range renewed {
		r.Renewed = append(r.Renewed, contract.Certificate{LinkName: link})
	}
	return r
}

func one(version string) map[string]string { return map[string]string{"web": version} }

// bubble runs a test with a fake clock, an app and an Announcer.
func bubble(t *testing.T, path string, test func(a *app, r *reload.Announcer, observed *[]string)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a := &app{began: time.Now()}
		var observed []string // written by the goroutine of Run, read while it waits
		r := reload.New(path, func(attempt int, err error) { observed = append(observed, fmt.Sprint(attempt, " ", err)) }, slog.New(slog.DiscardHandler))
		r.Configure(a.newCall)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { r.Run(ctx); close(done) }()
		test(a, r, &observed)
		cancel()
		<-done
	})
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func want(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// A renewal is announced once, immediately. A new or unchanged certificate is not a renewal.
func TestOncePerRenewal(t *testing.T) {
	bubble(t, "", func(a *app, r *reload.Announcer, observed *[]string) {
		r.Report(reportOf(nil))
		r.Report(reportOf(one("v1")))
		pass(time.Hour)
		r.Report(reportOf(map[string]string{"web": "v1", "api": "v1"}))
		pass(time.Hour)
		want(t, "after the initial sync", a.history())
		r.Report(reportOf(map[string]string{"web": "v2", "api": "v1"}, "web"))
		pass(0)
		want(t, "after a renewal", a.history(), "call 1 at 7200s")
		r.Report(reportOf(map[string]string{"web": "v2", "api": "v1"}))
		pass(24 * time.Hour)
		want(t, "after a poll without changes", a.history())
		want(t, "observed", *observed, "1 <nil>")
	})
}

var errDown = errors.New("the app is down")

// A failed announcement is retried with growing waits until it succeeds. Polls in the meantime do
// not restart it.
func TestRetries(t *testing.T) {
	bubble(t, "", func(a *app, r *reload.Announcer, observed *[]string) {
		a.fail(errDown)
		r.Report(reportOf(one("v1")))
		r.Report(reportOf(one("v2"), "web"))
		pass(5 * time.Second)
		r.Report(reportOf(one("v2")))
		if n := len(a.history()); n != 3 { // at 0, 1 and 3 seconds, with a jitter of 10 %
			t.Errorf("%d attempts in the first 5 s, want 3", n)
		}
		pass(time.Hour)
		if n := len(a.history()); n < 15 || n > 20 {
			t.Errorf("%d attempts in the hour after, want one every 5 minutes at the end", n)
		}
		a.fail(nil)
		pass(6 * time.Minute)
		if n := len(a.history()); n != 1 {
			t.Errorf("%d attempts after the app was up again, want 1", n)
		}
		pass(time.Hour)
		want(t, "after the success", a.history())
		want(t, "first observed", (*observed)[:2], "1 the app is down", "2 the app is down")
	})
}

// A later renewal replaces the announcement in progress, and does not wait for its next attempt.
func TestNextRenewalReplaces(t *testing.T) {
	bubble(t, "", func(a *app, r *reload.Announcer, observed *[]string) {
		a.fail(errDown)
		r.Report(reportOf(one("v1")))
		r.Report(reportOf(one("v2"), "web"))
		pass(time.Hour)
		a.history()
		*observed = nil
		a.fail(nil)
		r.Report(reportOf(one("v3"), "web"))
		pass(0)
		want(t, "the later one", a.history(), "call 2 at 3600s")
		want(t, "observed", *observed, "1 <nil>")
		pass(time.Hour)
		want(t, "the earlier one", a.history())
	})
}

// A call that hangs blocks neither the reports nor the end of the process.
func TestNeverBlocks(t *testing.T) {
	bubble(t, "", func(a *app, r *reload.Announcer, observed *[]string) {
		a.hang = true
		r.Report(reportOf(one("v1")))
		for i := range 100 {
			r.Report(reportOf(one(fmt.Sprint("v2.", i)), "web"))
			pass(time.Minute)
		}
		want(t, "the first one", a.history(), "call 1 at 0s")
	})
}

// After a change of the settings, a failed announcement is retried at once with the new settings,
// so that a corrected name takes effect without another renewal.
func TestConfigureWhileItFails(t *testing.T) {
	bubble(t, "", func(a *app, r *reload.Announcer, _ *[]string) {
		a.fail(errDown)
		r.Report(reportOf(one("v1")))
		r.Report(reportOf(one("v2"), "web"))
		pass(time.Hour)
		other := &app{began: a.began}
		r.Configure(other.newCall)
		a.history()
		pass(time.Hour)
		want(t, "the former", a.history())
		want(t, "the other", other.history(), "call 1 at 3600s")
		r.Configure(a.newCall)
		pass(time.Hour)
		want(t, "after its announcement", a.history())
	})
}

// If announcements are disabled, a failed one is not retried.
func TestConfigureNothingWhileItFails(t *testing.T) {
	bubble(t, "", func(a *app, r *reload.Announcer, _ *[]string) {
		a.fail(errDown)
		r.Report(reportOf(one("v1")))
		r.Report(reportOf(one("v2"), "web"))
		pass(time.Hour)
		a.history()
		r.Configure(nil)
		pass(time.Hour)
		want(t, "tried", a.history())
	})
}

// Without a configured announcement, a renewal is not announced later. A configuration takes effect
// with the next renewal.
func TestConfigure(t *testing.T) {
	bubble(t, "", func(a *app, r *reload.Announcer, _ *[]string) {
		r.Configure(reload.To(contract.Pod, contract.Reload{}))
		r.Report(reportOf(one("v1")))
		r.Report(reportOf(one("v2"), "web"))
		pass(time.Hour)
		r.Configure(a.newCall)
		r.Report(reportOf(one("v2")))
		pass(time.Hour)
		want(t, "the renewal before", a.history())
		r.Report(reportOf(one("v3"), "web"))
		pass(0)
		want(t, "the next one", a.history(), "call 1 at 7200s")
	})
}
