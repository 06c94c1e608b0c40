package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// readiness tracks whether the replica can respond to admissions at once, and if not, why.
type readiness struct {
	log      *slog.Logger
	draining atomic.Bool
	reached  chan struct{} // closed when the replica is ready for the first time

	mu     sync.Mutex
	checks []func() error
	// last is called when all checks pass, until it has passed once.
	last func() error
}

func newReadiness(log *slog.Logger) *readiness {
	return &readiness{log: log, reached: make(chan struct{})}
}

// check adds a condition that is met when f returns nil.
func (r *readiness) check(f func() error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checks = append(r.checks, f)
}

// await adds the condition that a channel is closed.
func (r *readiness) await(why string, closed <-chan struct{}) {
	r.check(func() error {
		select {
		case <-closed:
			return nil
		default:
			return errors.New(why)
		}
	})
}

// finally adds the condition that is checked when all others are met, and only until it is met
// once.
func (r *readiness) finally(f func() error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = f
}

// drain makes the replica not ready, permanently.
func (r *readiness) drain() { r.draining.Store(true) }

func (r *readiness) err() error {
	if r.draining.Load() {
		return errors.New("the webhook is shutting down")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, f := range r.checks {
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

// wait waits until the replica is ready for the first time, and reports whether it is.
func (r *readiness) wait(ctx context.Context) bool {
	select {
	case <-r.reached:
		return true
	case <-ctx.Done():
		return false
	}
}

// watch logs when the replica becomes ready, and regularly why it is not.
func (r *readiness) watch(ctx context.Context) {
	const interval, complaint = 50 * time.Millisecond, 10 * time.Second
	start := time.Now()
	for next := complaint; ; {
		err := r.err()
		since := time.Since(start)
		switch {
		case err == nil:
			r.log.Info("webhook ready", "after", since.String())
			close(r.reached)
			return
		case since >= next:
			r.log.Warn("webhook not ready yet", "reason", strings.ReplaceAll(err.Error(), "\n", "; "))
			next += complaint
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(interval):
		}
	}
}

// handler serves /healthz and /readyz.
func (r *readiness) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := r.err(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	return mux
}

// closeWhileDraining closes each connection after its next response while the replica drains, so
// that the API server, which keeps connections open, uses other replicas before this one stops.
func (r *readiness) closeWhileDraining(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if r.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, req)
	})
}

func metricsHandler(g prometheus.Gatherer) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(g, promhttp.HandlerOpts{}))
	return mux
}

// serveHTTP serves without TLS until the context ends.
func serveHTTP(ctx context.Context, address string, h http.Handler) error {
	s := &http.Server{Addr: address, Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		// Probes and scrapes in progress can be cut off.
		_ = s.Close()
	}()
	if err := s.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving on %s: %w", address, err)
	}
	return nil
}
