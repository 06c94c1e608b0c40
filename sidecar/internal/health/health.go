// Package health reports the state of the sync loop: probes, the status in the format of the Key
// Vault VM extension, and metrics.
//
// It guarantees that a response shows one consistent state of the loop, that readiness comes with
// its reason, and that a probe that waits for readiness returns as soon as the state is ready.
//
// It never makes decisions, which is the loop's task. It never puts a secret, token or key into a
// response.
package health

import (
	"context"
	"sync"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
)

// StallLimit is the maximum time between two heartbeats before the loop counts as stalled. Nothing
// that the loop does between two heartbeats takes that long.
const StallLimit = 5 * time.Minute

// State is the current state of the sync loop. It is a certsync.Observer. Create it with New.
type State struct {
	metrics *Metrics

	mu           sync.Mutex
	report       certsync.Report
	heartbeat    time.Time
	ready        chan struct{} // closed when ready
	notice       string        // why an edit of the settings is refused
	announcement *announcement // nil before the first one
	// startIsSuccess: see StartIsSuccess.
	startIsSuccess bool
}

// New returns a State that is not ready, with the reason "starting". It keeps metrics up to date.
func New(metrics *Metrics) *State {
	return &State{
		metrics:   metrics,
		report:    certsync.Report{Time: time.Now(), State: certsync.Transitioning, Reason: "starting"},
		heartbeat: time.Now(),
		ready:     make(chan struct{}),
	}
}

// Beat implements certsync.Observer.
func (s *State) Beat() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heartbeat = time.Now()
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

// Notice sets why the last edit of the settings is refused, which is shown before the loop's
// reason. An empty text means that no edit is refused any more.
func (s *State) Notice(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notice = text
	s.metrics.refused.set(oneIf(text != ""))
}

// StartIsSuccess sets whether the status is "success" already while the initial sync is in
// progress, as soon as polling has begun. The VM extension reports it so without
// requireInitialSync, so that a deployment does not wait for the certificates.
func (s *State) StartIsSuccess(v bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.startIsSuccess = v
}

// Ready returns whether the pod may receive traffic, and the reason.
func (s *State) Ready() (ready bool, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.report.Ready, s.reason()
}

// Healthy returns whether every certificate was in the store and up to date after the last sync,
// and the reason.
func (s *State) Healthy() (healthy bool, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.report.State == certsync.Success, s.reason()
}

// WaitReady waits until the state is ready or ctx ends, and returns what Ready returns then.
func (s *State) WaitReady(ctx context.Context) (ready bool, reason string) {
	select {
	case <-s.ready:
	case <-ctx.Done():
	}
	return s.Ready()
}

// Live returns whether the loop is running, and the time since its last heartbeat.
func (s *State) Live() (live bool, sinceHeartbeat time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sinceHeartbeat = time.Since(s.heartbeat)
	return sinceHeartbeat < StallLimit, sinceHeartbeat
}

// Stalled returns true when there was no heartbeat for StallLimit, and false when ctx ends.
func (s *State) Stalled(ctx context.Context) bool {
	for {
		live, sinceHeartbeat := s.Live()
		if !live {
			return true
		}
		select {
		case <-time.After(StallLimit - sinceHeartbeat):
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
