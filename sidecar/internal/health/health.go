// Package health tells others how the sync goes: probes, the status in the shape of the Key Vault VM
// extension, and metrics.
//
// It guarantees that what it says is one consistent moment of the loop's, that readiness comes with its
// reason, and that a caller who waits for readiness hears of it at once.
// It decides nothing (the loop does), and no secret, token or key can get into an answer of it.
package health

import (
	"context"
	"sync"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
)

// StallLimit is how long the loop may be silent before it counts as dead. It is longer than anything that
// the loop does between two beats takes.
const StallLimit = 5 * time.Minute

// State is a certsync.Observer. Make it with New.
type State struct {
	metrics *Metrics

	mu     sync.Mutex
	report certsync.Report
	beat   time.Time
	ready  chan struct{} // closed when ready
	notice string        // of main, beside what the loop reports
	reload *reload       // nil before the first one
}

// New returns a State that is not ready, with the reason "starting". It keeps the metrics up to date.
func New(metrics *Metrics) *State {
	return &State{
		metrics: metrics,
		report:  certsync.Report{Time: time.Now(), State: certsync.Transitioning, Reason: "starting"},
		beat:    time.Now(),
		ready:   make(chan struct{}),
	}
}

// Beat implements certsync.Observer.
func (s *State) Beat() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beat = time.Now()
}

// Report implements certsync.Observer.
func (s *State) Report(r certsync.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Ready && !s.report.Ready {
		close(s.ready)
	}
	s.report = r
	s.metrics.report(r)
}

// Notice sets a text that is shown beside the loop's reason, such as a settings file that was refused;
// empty takes it back.
func (s *State) Notice(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notice = text
}

// Ready returns whether the pod may get traffic, and why or why not.
func (s *State) Ready() (ready bool, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.report.Ready, s.reason()
}

// Healthy returns whether every certificate was in the store and up to date after the last sync, and the reason.
func (s *State) Healthy() (healthy bool, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.report.State == certsync.Success, s.reason()
}

// WaitReady returns when Ready does, or when ctx ends, with the same results.
func (s *State) WaitReady(ctx context.Context) (ready bool, reason string) {
	select {
	case <-s.ready:
	case <-ctx.Done():
	}
	return s.Ready()
}

// Live returns whether the loop turns, and for how long it has been silent.
func (s *State) Live() (live bool, silent time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	silent = time.Since(s.beat)
	return silent < StallLimit, silent
}

// Stalled returns when the loop has not turned for StallLimit, with true, or when ctx ends.
func (s *State) Stalled(ctx context.Context) bool {
	for {
		live, silent := s.Live()
		if !live {
			return true
		}
		select {
		case <-time.After(StallLimit - silent):
		case <-ctx.Done():
			return false
		}
	}
}

func (s *State) reason() string {
	if s.notice == "" {
		return s.report.Reason
	}
	return s.notice + "; " + s.report.Reason
}
