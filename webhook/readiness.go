package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// readyInterval is the interval at which readiness.watch checks the conditions.
	readyInterval = 50 * time.Millisecond
	// notReadyLogInterval is the interval at which it logs why the replica is not ready.
	notReadyLogInterval = 10 * time.Second
)

// readiness decides whether the replica can respond to an admission immediately, and if not, why.
type readiness struct {
	log      *slog.Logger
	draining atomic.Bool
	reached  chan struct{} // closed when the replica is ready for the first time

	mu         sync.Mutex
	conditions []func() error
	// last is checked after all conditions are met, until it has been met once; then it is nil.
	last func() error
}

func newReadiness(log *slog.Logger) *readiness {
	return &readiness{log: log, reached: make(chan struct{})}
}

// require adds a condition, which is met while f returns nil.
func (r *readiness) require(f func() error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conditions = append(r.conditions, f)
}

// requireClosed adds the condition that a channel is closed. The reason is reported until then.
func (r *readiness) requireClosed(reason string, closed <-chan struct{}) {
	r.require(func() error {
		select {
		case <-closed:
			return nil
		default:
			return errors.New(reason)
		}
	})
}

// requireLast sets the condition that is checked only after all others are met. Once it has been
// met, it is not checked again.
func (r *readiness) requireLast(f func() error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = f
}

// drain makes the replica unready until it exits.
func (r *readiness) drain() { r.draining.Store(true) }

// err returns why the replica is not ready, or nil.
func (r *readiness) err() error {
	if r.draining.Load() {
		return errors.New("the webhook is shutting down")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, f := range r.conditions {
		errs = append(errs, f())
	}
	if err := errors.Join(errs...); err != nil || r.last == nil {
		return err
	}
	if err := r.last(); err != nil {
		return err
	}
	r.last = nil
	return nil
}

// wait waits until the replica is ready for the first time. It returns false if ctx ends first.
func (r *readiness) wait(ctx context.Context) bool {
	select {
	case <-r.reached:
		return true
	case <-ctx.Done():
		return false
	}
}

// watch checks the conditions until the replica is ready for the first time, and logs that. Until
// then it logs the reason at intervals.
func (r *readiness) watch(ctx context.Context) {
	start := time.Now()
	for nextLog := notReadyLogInterval; ; {
		err := r.err()
		elapsed := time.Since(start)
		switch {
		case err == nil:
			r.log.Info("webhook ready", "after", elapsed.String())
			close(r.reached)
			return
		case elapsed >= nextLog:
			r.log.Warn("webhook not ready yet", "reason", strings.ReplaceAll(err.Error(), "\n", "; "))
			nextLog += notReadyLogInterval
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(readyInterval):
		}
	}
}

// closeWhileDraining closes each connection after its next response once the replica drains. The
// API server keeps its connections open, and so moves to other replicas before this one stops.
func (r *readiness) closeWhileDraining(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if r.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, req)
	})
}
