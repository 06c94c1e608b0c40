package main

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// Bounds of what a sidecar does. They are long, since the machine does much at the same time.
const (
	// explainedIn bounds the time from a fault to the reason in the status: the longest is a
	// request without a response, for each of the steps of a sync.
	explainedIn = 60 * time.Second
	// recoveredIn bounds the time from the end of a fault to the newest version. The longest wait
	// is that between attempts of the initial sync.
	recoveredIn = 75 * time.Second
)

// entraHost is the host of Entra ID.
const entraHost = "login.microsoftonline.com"

const holdsService = "files stay, process lives, ready only after the first sync, reason in status, few requests, newest version afterwards"

// outage is what is made with one service, and ended.
type outage struct {
	begin, end func(context.Context, *world) error
	// reasons are those that the status may give.
	reasons []string
	// harmless: after the first sync it has no effect, and renewals go on.
	harmless bool
}

// injected returns the outage by a fault of the emulator.
func injected(f azure.Fault, reasons ...string) outage {
	return outage{
		begin: func(ctx context.Context, w *world) error {
			_, err := w.InjectFault(ctx, f)
			return err
		},
		end:     func(ctx context.Context, w *world) error { return w.ClearFaults(ctx) },
		reasons: reasons,
	}
}

// presented returns the outage by a TLS certificate.
func presented(host, certificate string, reasons ...string) outage {
	return outage{
		begin:   func(ctx context.Context, w *world) error { return w.Present(ctx, host, certificate) },
		end:     func(ctx context.Context, w *world) error { return w.Present(ctx, host, "") },
		reasons: reasons,
	}
}

// kinds are the faults of an HTTP service.
var kinds = []struct {
	name  string
	fault azure.Fault
}{
	{"429", azure.Fault{Status: 429}},
	{"429-retry-after", azure.Fault{Status: 429, RetryAfter: "2"}},
	{"429-retry-after-rubbish", azure.Fault{Status: 429, RetryAfter: "soon"}},
	{"500", azure.Fault{Status: 500}},
	{"503", azure.Fault{Status: 503}},
	{"503-page", azure.Fault{Status: 503, Body: "<html>down for maintenance</html>", BodyType: "text/html"}},
	{"403", azure.Fault{Status: 403}},
	{"404-page", azure.Fault{Status: 404, Body: "<html>not here</html>", BodyType: "text/html"}},
	{"redirect", azure.Fault{Status: 302, Header: map[string]string{"Location": "https://login.microsoftonline.com/"}}},
	{"garbage", azure.Fault{Garbage: true}},
	{"empty-object", azure.Fault{Status: 200, Body: "{}"}},
	{"null", azure.Fault{Status: 200, Body: "null"}},
	{"half-body", azure.Fault{Truncate: true}},
	{"drip", azure.Fault{Drip: azure.Duration(2 * time.Second)}},
	{"hang", azure.Fault{Hang: true}},
	{"close", azure.Fault{Close: true}},
	{"reset", azure.Fault{Reset: true}},
}

// serviceFaults returns the faults of Key Vault and Entra ID.
func serviceFaults() []fault {
	var all []fault
	for _, service := range []struct{ name, id, host, operation string }{
		{"vault", azure.ServiceKeyVault, rig.VaultHost, azure.OpGetSecret},
		{"entra", azure.ServiceEntra, entraHost, ""},
	} {
		prefix := "sidecar-" + service.name + "-"
		for _, kind := range kinds {
			f := kind.fault
			f.Service, f.Operation = service.id, service.operation
			// A response to a challenge is not the fault that is meant.
			f.SkipChallenges = f.Status != 0 || f.Garbage || f.Truncate || f.Drip != 0
			all = append(all, newOutage(prefix+kind.name, injected(f, contract.FailureReasons()...)))
		}
		for _, certificate := range []string{azure.TLSWrongName, azure.TLSExpired, azure.TLSUntrusted} {
			all = append(all, newOutage(prefix+"tls-"+certificate, presented(service.host, certificate, contract.ReasonUnreachable)))
		}
	}
	for _, code := range []string{"ForbiddenByRbac", "ForbiddenByFirewall"} {
		f := azure.Fault{Service: azure.ServiceKeyVault, Operation: azure.OpGetSecret, SkipChallenges: true, Error: code}
		all = append(all, newOutage("sidecar-vault-"+code, injected(f, contract.ReasonForbidden)))
	}
	f := azure.Fault{Service: azure.ServiceEntra, Operation: azure.OpToken, Error: "700213"}
	return append(all, newOutage("sidecar-entra-AADSTS700213", injected(f, contract.ReasonNoToken)))
}

// newOutage returns the fault that makes an outage for a sidecar that starts, and again for one
// that has its certificates.
func newOutage(name string, o outage) fault {
	return fault{name: name, holds: holdsService, run: func(ctx context.Context, t *trial) error {
		w, err := t.newWorld(ctx)
		if err != nil {
			return err
		}
		defer w.End()
		// Each poll needs a new token, so that an outage of Entra ID has an effect.
		tokens := &azure.Tokens{Lifetime: azure.Duration(time.Second)}
		if err := w.Apply(ctx, azure.Config{Tokens: tokens}); err != nil {
			return err
		}
		return t.outages(ctx, w, "", o)
	}}
}

// outages makes an outage before the first sync, and after it.
func (t *trial) outages(ctx context.Context, w *world, store string, o outage) error {
	defer t.scanner.scan(ctx)
	s := t.subject(ctx, w, store)
	defer s.end()
	if err := t.outage(ctx, s, o, phase{name: "before the first sync", ready: notReady}, s.launch); err != nil {
		return err
	}
	s.enter(phase{name: "with certificates", ready: isReady, versions: w.versions()})
	if err := rig.Pause(ctx, time.Second); err != nil {
		return err
	}
	during := phase{name: "after the first sync", ready: isReady, versions: w.versions()}
	if o.harmless {
		during.versions = nil
	}
	return t.outage(ctx, s, o, during, func(ctx context.Context) error {
		if err := w.renew(ctx); err != nil {
			return err
		}
		return s.running().Signal(syscall.SIGHUP) // it polls at once
	})
}

// outage makes an outage, begins a sync by a function, and waits for the reason in the status, for
// some time more, and for the recovery.
func (t *trial) outage(ctx context.Context, s *subject, o outage, during phase, sync func(context.Context) error) error {
	s.enter(during)
	if err := o.begin(ctx, s.world); err != nil {
		return err
	}
	t.countFault()
	before, err := s.world.Counts(ctx, azure.Filter{})
	if err != nil {
		return err
	}
	begin := time.Now()
	if err := sync(ctx); err != nil {
		return err
	}
	if o.harmless && during.ready == isReady {
		t.check(during.name+": renewal", s.reaches(ctx, recoveredIn))
	} else {
		t.check(during.name+": reason", s.explains(ctx, explainedIn, o.reasons...))
	}
	if err := rig.Pause(ctx, t.between(time.Second, 6*time.Second)); err != nil {
		return err
	}
	after, err := s.world.Counts(ctx, azure.Filter{})
	if err != nil {
		return err
	}
	t.check(during.name+": requests", bounded(after.Requests-before.Requests, len(s.world.names), time.Since(begin)))
	s.enter(phase{name: during.name + ", recovery", ready: recovering(during)})
	if err := o.end(ctx, s.world); err != nil {
		return err
	}
	t.check(during.name+": recovery", s.reaches(ctx, recoveredIn))
	if during.ready == notReady {
		t.check(during.name+": ready", s.running().AwaitReady(ctx, recoveredIn))
	}
	return ctx.Err()
}

// recovering is the readiness after an outage: it never ends once it was there.
func recovering(during phase) state {
	if during.ready == isReady {
		return isReady
	}
	return anyState
}

// bounded checks a number of requests: an attempt has at most four for each certificate, and the
// waits between attempts are two seconds and more on average.
func bounded(requests, certificates int, d time.Duration) error {
	most := 4 * certificates * (3 + int(d/(2*time.Second)))
	if requests > most {
		return fmt.Errorf("%d requests in %s, want at most %d", requests, d.Round(time.Millisecond), most)
	}
	return nil
}
