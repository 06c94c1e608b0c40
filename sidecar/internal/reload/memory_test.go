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

// A renewal that was not announced when the process died is announced by the next one; one that was is not.
func TestAfterCrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "announced.json")
	bubble(t, path, func(a *app, r *reload.Reloader, _ *[]string) {
		a.fail(errAway)
		r.Report(has(one("v1")))
		r.Report(has(one("v2"), "web"))
		pass(time.Minute)
	})
	bubble(t, path, func(a *app, r *reload.Reloader, _ *[]string) {
		r.Report(has(one("v2")))
		pass(0)
		want(t, "after a crash before it", a.history(), "call 1 at 0s")
	})
	bubble(t, path, func(a *app, r *reload.Reloader, _ *[]string) {
		r.Report(has(one("v2")))
		pass(time.Hour)
		want(t, "after a crash after it", a.history())
	})
}

// A process that syncs once tries once; what fails is left to the next one.
func TestOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "announced.json")
	for i, step := range []struct {
		version string
		err     error
		tried   []string
	}{
		{"v1", nil, nil},
		{"v2", errAway, []string{"call 1 at 0s"}},
		{"v2", errAway, []string{"call 1 at 0s"}},
		{"v2", nil, []string{"call 1 at 0s"}},
		{"v2", nil, nil},
	} {
		a := &app{began: time.Now(), err: step.err}
		var told []string
		r := reload.New(path, func(attempt int, err error) { told = append(told, fmt.Sprint(attempt, " ", err)) }, slog.New(slog.DiscardHandler))
		r.Configure(a.newCall)
		r.Report(has(one(step.version)))
		if err := r.Once(t.Context()); !errors.Is(err, step.err) {
			t.Errorf("step %d: %v", i, err)
		}
		want(t, fmt.Sprintf("step %d", i), a.history(), step.tried...)
		if len(told) != len(step.tried) {
			t.Errorf("step %d: told %q", i, told)
		}
	}
}

// A file that cannot be read or written does no more harm than none.
func TestBrokenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "announced.json")
	if err := os.WriteFile(path, []byte("half a fi"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{path, filepath.Join(path, "not-a-directory")} {
		bubble(t, path, func(a *app, r *reload.Reloader, _ *[]string) {
			r.Report(has(one("v1")))
			r.Report(has(one("v2"), "web"))
			pass(0)
			want(t, path, a.history(), "call 1 at 0s")
		})
	}
}
