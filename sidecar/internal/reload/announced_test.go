package reload_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/reload"
)

// If the process dies before a renewal is announced, the next process announces it, but only once.
func TestAfterCrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "announced.json")
	bubble(t, path, func(a *app, r *reload.Announcer, _ *[]string) {
		a.fail(errDown)
		r.Report(reportOf(one("v1")))
		r.Report(reportOf(one("v2"), "web"))
		pass(time.Minute)
	})
	bubble(t, path, func(a *app, r *reload.Announcer, _ *[]string) {
		r.Report(reportOf(one("v2")))
		pass(0)
		want(t, "after a crash before the announcement", a.history(), "call 1 at 0s")
	})
	bubble(t, path, func(a *app, r *reload.Announcer, _ *[]string) {
		r.Report(reportOf(one("v2")))
		pass(time.Hour)
		want(t, "after a crash after the announcement", a.history())
	})
}

// A process that syncs once makes one attempt. If it fails, the next process tries again.
func TestOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "announced.json")
	for i, step := range []struct {
		version string
		err     error
		tried   []string
	}{
		{"v1", nil, nil},
		{"v2", errDown, []string{"call 1 at 0s"}},
		{"v2", errDown, []string{"call 1 at 0s"}},
		{"v2", nil, []string{"call 1 at 0s"}},
		{"v2", nil, nil},
	} {
		a := &app{began: time.Now(), err: step.err}
		var observed []string
		r := reload.New(path, func(attempt int, err error) { observed = append(observed, fmt.Sprint(attempt, " ", err)) }, slog.New(slog.DiscardHandler))
		r.Configure(a.newCall)
		r.Report(reportOf(one(step.version)))
		if err := r.Once(t.Context()); !errors.Is(err, step.err) {
			t.Errorf("step %d: %v", i, err)
		}
		want(t, fmt.Sprintf("step %d", i), a.history(), step.tried...)
		if len(observed) != len(step.tried) {
			t.Errorf("step %d: observed %q", i, observed)
		}
	}
}

// A file that cannot be read or written has the same effect as a missing file.
func TestBrokenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "announced.json")
	if err := os.WriteFile(path, []byte("half a fi"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{path, filepath.Join(path, "not-a-directory")} {
		bubble(t, path, func(a *app, r *reload.Announcer, _ *[]string) {
			r.Report(reportOf(one("v1")))
			r.Report(reportOf(one("v2"), "web"))
			pass(0)
			want(t, path, a.history(), "call 1 at 0s")
		})
	}
}
