package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// phase is what must hold for a sidecar at present.
type phase struct {
	name string
	// ready is what the probe must say; anyState before and while that may change.
	ready state
	// versions are those that the files must have; nil for any that are not older than before.
	versions map[string]int
}

type state int

const (
	anyState state = iota
	isReady
	notReady
)

// subject is a sidecar under fault, with readers of its files and a client of its probes.
type subject struct {
	t     *trial
	world *world
	store string // its path in the sandbox

	options rig.SidecarOptions
	stop    context.CancelFunc
	group   sync.WaitGroup

	mu      sync.Mutex
	phase   phase
	process *rig.Sidecar // nil while it does not run
	status  string       // the last one
	seen    map[string]int
}

// subject prepares a sidecar, and begins to read its files. The caller launches and ends it. A
// location replaces the usual one of the store.
func (t *trial) subject(ctx context.Context, w *world, location string) *subject {
	s := &subject{t: t, world: w, store: location, seen: map[string]int{}, options: rig.SidecarOptions{
		Program: t.program, Store: "store", Log: t.scanner.writer(t.fault + ": log"),
	}}
	if s.store == "" {
		s.store = w.StorePath(s.options.Store)
	}
	s.options.Settings = w.settings(s.store)
	ctx, s.stop = context.WithCancel(ctx)
	s.group.Go(func() { rig.Every(ctx, 10*time.Millisecond, s.read) })
	s.group.Go(func() { rig.Every(ctx, 200*time.Millisecond, func() { s.probe(ctx) }) })
	return s
}

// end ends the sidecar and the readers.
func (s *subject) end() {
	s.stop()
	s.group.Wait()
	if p := s.running(); p != nil {
		p.Stop()
		p.Close()
	}
}

// launch starts the sidecar and does not wait.
func (s *subject) launch(ctx context.Context) error {
	p, err := s.world.Launch(ctx, s.options)
	if err != nil {
		return err
	}
	if environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.PID())); err == nil { // it may have ended
		s.t.scanner.add(s.t.fault+": environment", environ)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.process = p
	return nil
}

// kill kills the sidecar.
func (s *subject) kill() {
	s.mu.Lock()
	p := s.process
	s.process = nil
	s.mu.Unlock()
	p.Kill()
	p.Close()
}

func (s *subject) running() *rig.Sidecar {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process
}

// enter changes what must hold.
func (s *subject) enter(p phase) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase = p
}

func (s *subject) current() phase {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.phase
}

// probe checks that the sidecar lives and whether it is ready, and gives what it serves to the
// scanner.
func (s *subject) probe(ctx context.Context) {
	before, p := s.current(), s.running()
	if p == nil {
		return
	}
	limited, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, readyErr := p.Get(limited, contract.PathReady)
	status, statusErr := p.Get(limited, contract.PathStatus)
	metrics, metricsErr := p.Get(limited, contract.PathMetrics)
	ended := p.Ended()
	if s.running() != p || ctx.Err() != nil {
		return // it was killed, or the trial ends
	}
	s.t.check(before.name+": process", ended)
	served := errors.Join(statusErr, metricsErr)
	if served == nil {
		s.t.scanner.add(s.t.fault+": status", []byte(status))
		s.t.scanner.add(s.t.fault+": metrics", []byte(metrics))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if served == nil {
		s.status = status
	}
	if s.phase.name != before.name {
		return
	}
	switch {
	case before.ready == isReady:
		s.t.check(before.name+": readiness", errors.Join(readyErr, served))
	case before.ready == notReady && readyErr == nil:
		s.t.check(before.name+": readiness", fmt.Errorf("ready without certificates: %s", status))
	case served == nil: // before that, it starts
		s.t.check(before.name+": readiness", nil)
	}
}

// explains waits until the status gives one of the reasons for every certificate.
func (s *subject) explains(ctx context.Context, most time.Duration, reasons ...string) error {
	return rig.Await(ctx, most, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		count := 0
		for _, reason := range reasons {
			count += strings.Count(s.status, fmt.Sprintf("\"reason\": %q", reason))
		}
		if count < len(s.world.names) {
			return fmt.Errorf("after %s the status does not give the reason %s for each certificate: %s", most, strings.Join(reasons, " or "), s.status)
		}
		return nil
	})
}

// reaches waits until the readers have seen the newest version of each certificate.
func (s *subject) reaches(ctx context.Context, most time.Duration) error {
	want := s.world.versions()
	return rig.Await(ctx, most, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		for name, version := range want {
			if s.seen[name] < version {
				return fmt.Errorf("%s has version %d after %s, want %d; the status: %s", name, s.seen[name], most, version, s.status)
			}
		}
		return nil
	})
}
