package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// fileFaults returns the faults of what the sidecar reads: token, settings and certificates' dates.
func fileFaults() []fault {
	var all []fault
	for _, f := range []struct {
		name     string
		replace  func(w *world, path string) error
		harmless bool // the token that was read before is used on, for up to ten minutes
	}{
		{"missing", func(*world, string) error { return nil }, true},
		{"empty", content(""), false},
		{"rubbish", content("\x00\xffnot a token"), true},
		{"of-1-mib", content(strings.Repeat("x", 1<<20)), false},
		{"expired", func(w *world, path string) error { return w.putToken(path, time.Now().Add(-3*time.Hour)) }, true},
		{"directory", func(_ *world, path string) error { return os.Mkdir(path, 0o700) }, false},
		{"fifo", func(_ *world, path string) error { return syscall.Mkfifo(path, 0o600) }, false},
	} {
		all = append(all, newOutage("sidecar-token-"+f.name, outage{
			begin: func(_ context.Context, w *world) error {
				return errors.Join(os.RemoveAll(w.TokenFile()), f.replace(w, w.TokenFile()))
			},
			end: func(_ context.Context, w *world) error {
				return errors.Join(os.RemoveAll(w.TokenFile()), w.putToken(w.TokenFile(), time.Now()))
			},
			reasons: []string{contract.ReasonNoToken, contract.ReasonNoTokenFile}, harmless: f.harmless,
		}))
	}
	return append(all,
		fault{name: "sidecar-token-replaced", holds: "no sync fails while the token is replaced", run: replaceTokens},
		fault{name: "sidecar-settings", holds: "an edit that cannot be used changes nothing, also after a kill; the status says why", run: editSettings},
		fault{name: "sidecar-dates", holds: "a version that is not valid yet, or not any more, does not replace a valid one", run: wrongDates})
}

func content(text string) func(*world, string) error {
	return func(_ *world, path string) error { return os.WriteFile(path, []byte(text), 0o600) }
}

// putToken replaces the token file by a rename, as the kubelet does.
func (w *world) putToken(path string, issued time.Time) error {
	token, err := w.Assertion(issued)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", []byte(token), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// replaceTokens replaces the token many times while the sidecar needs it all the time.
func replaceTokens(ctx context.Context, t *trial) error {
	w, err := t.newWorld(ctx)
	if err != nil {
		return err
	}
	defer w.End()
	if err := w.Apply(ctx, azure.Config{Tokens: &azure.Tokens{Lifetime: azure.Duration(time.Second)}}); err != nil {
		return err
	}
	s := t.subject(ctx, w, "")
	defer s.end()
	if err := s.launch(ctx); err != nil {
		return err
	}
	t.check("start", s.running().AwaitReady(ctx, readyAgain))
	s.enter(phase{name: "replaced", ready: isReady})
	for range 50 {
		if err := w.putToken(w.TokenFile(), time.Now()); err != nil {
			return err
		}
		t.countFault()
		if err := errors.Join(s.running().Signal(syscall.SIGHUP), rig.Pause(ctx, t.between(0, 200*time.Millisecond))); err != nil {
			return err
		}
		t.check("replaced: status", s.succeeds())
	}
	if err := w.renew(ctx); err != nil {
		return err
	}
	t.check("replaced: newest", s.reaches(ctx, recoveredIn))
	t.scanner.scan(ctx)
	return nil
}

// succeeds checks the last status.
func (s *subject) succeeds() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.Contains(s.status, `"status": "error"`) {
		return fmt.Errorf("the status is %s", s.status)
	}
	return nil
}

// wrongDates creates versions that must not be used, and then a good one.
func wrongDates(ctx context.Context, t *trial) error {
	w, err := t.newWorld(ctx)
	if err != nil {
		return err
	}
	defer w.End()
	s := t.subject(ctx, w, "")
	defer s.end()
	if err := s.launch(ctx); err != nil {
		return err
	}
	t.check("start", s.running().AwaitReady(ctx, readyAgain))
	hour := time.Now().Add(time.Hour)
	for _, version := range []struct {
		name string
		azure.Renewal
		status string
	}{
		{"not valid yet", azure.Renewal{NotBefore: hour, NotAfter: w.base}, "when it becomes valid"},
		{"expired", azure.Renewal{NotBefore: hour.Add(-9 * time.Hour), NotAfter: hour.Add(-2 * time.Hour)}, "expired"},
	} {
		s.enter(phase{name: version.name, ready: isReady, versions: w.versions()})
		for _, name := range w.names {
			version.Vault, version.Name = rig.VaultHost, name
			if _, err := w.Renew(ctx, version.Renewal); err != nil {
				return err
			}
			t.countFault()
		}
		if err := s.running().Signal(syscall.SIGHUP); err != nil {
			return err
		}
		t.check(version.name+": status", rig.Await(ctx, explainedIn, func() error {
			s.mu.Lock()
			defer s.mu.Unlock()
			if n := strings.Count(s.status, version.status); n < len(w.names) {
				return fmt.Errorf("the status does not say %q for each certificate: %s", version.status, s.status)
			}
			return nil
		}))
		s.enter(phase{name: "after " + version.name, ready: isReady})
		if err := w.renew(ctx); err != nil {
			return err
		}
		t.check(version.name+": newest", s.reaches(ctx, recoveredIn))
	}
	t.scanner.scan(ctx)
	return nil
}
