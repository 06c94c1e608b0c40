// Package reload tells other processes of the pod, or host, that certificates were renewed: by a signal, by a
// POST to a loopback URL, or both.
//
// It guarantees that every renewal is announced at least once, after the store has the new files: a failed
// announcement is tried again until it succeeds or a later renewal takes its place, and one that was under way
// when the process died is made by the next process. What is in the store when the first process begins is
// no renewal.
// It never blocks the sync loop, never signals this process or another one of its program, never calls
// anything but loopback, and never lets a failure get into readiness.
package reload

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/backoff"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
)

// Call is one announcement.
type Call interface {
	// Try does what was not done yet. It bounds the time that it takes. The error says what failed and what
	// to do; Try is called again then.
	Try(ctx context.Context) error
}

// Reloader announces renewals. Make it with New, hand it every Report, and let Run run.
type Reloader struct {
	memory *memory
	tell   func(attempt int, err error)
	log    *slog.Logger
	wake   chan struct{}

	mu       sync.Mutex
	newCall  func() Call // nil: there is nothing to do
	current  versions
	renewals int // counts; another number: what Run is trying is superseded
}

// New returns a Reloader that remembers in a file what it has announced; without a path it does not outlive
// the process. tell is called after every attempt with its number, from 1 for each renewal, and its error.
func New(path string, tell func(attempt int, err error), log *slog.Logger) *Reloader {
	return &Reloader{memory: newMemory(path, log), tell: tell, log: log, wake: make(chan struct{}, 1)}
}

// Configure sets what makes the announcements from now on; nil for nothing. A renewal that was not announced yet, since
// what was set before does not work, begins anew.
func (r *Reloader) Configure(newCall func() Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.newCall = newCall
	if r.renewals > 0 && r.memory.differs(r.current) {
		r.begin()
	}
}

// Report takes note of what the stores have. It does not block.
func (r *Reloader) Report(report certsync.Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current = installed(report)
	if r.newCall == nil || !r.memory.differs(r.current) {
		r.memory.note(r.current)
		return
	}
	if len(report.Renewed) == 0 && r.renewals > 0 {
		return // is being tried
	}
	r.begin()
}

// begin makes Run take up what is to be announced now. It takes the place of what it was trying.
func (r *Reloader) begin() {
	r.renewals++
	select {
	case r.wake <- struct{}{}:
	default: // is awake
	}
}

// Run announces until ctx ends.
func (r *Reloader) Run(ctx context.Context) {
	for {
		select {
		case <-r.wake:
			r.announce(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// announce tries until it succeeds, or until ctx ends. A renewal meanwhile begins anew.
func (r *Reloader) announce(ctx context.Context) {
	call, current, renewal := r.next()
	for attempt := 1; call != nil; attempt++ {
		err := r.try(ctx, call, current, attempt)
		if ctx.Err() != nil || err == nil {
			return
		}
		wait := backoff.Wait(attempt, maxBackoff)
		r.log.Warn("renewal cannot be announced, it is tried again", "attempt", attempt, "error", err, "wait", wait.String())
		select {
		case <-time.After(wait):
		case <-r.wake:
		case <-ctx.Done():
			return
		}
		if r.superseded(renewal) {
			call, current, renewal = r.next()
			attempt = 0
		}
	}
}

// Once announces what is to be announced, if anything is, with one attempt, and is for a process that does not Run. What
// fails is to be announced by the next process, if there is a file.
func (r *Reloader) Once(ctx context.Context) error {
	select {
	case <-r.wake:
	default:
		return nil
	}
	call, current, _ := r.next()
	if call == nil {
		return nil
	}
	return r.try(ctx, call, current, 1)
}

// try makes an attempt, and notes and tells how it went, unless ctx has ended.
func (r *Reloader) try(ctx context.Context, call Call, current versions, attempt int) error {
	err := call.Try(ctx)
	if ctx.Err() != nil {
		return err
	}
	if err == nil {
		r.log.Info("renewal announced", "attempt", attempt)
		r.succeed(current)
	}
	r.tell(attempt, err)
	return err
}

// next returns what is to be announced, by a call that is nil where nobody is to be told any more.
func (r *Reloader) next() (call Call, current versions, renewal int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.newCall != nil {
		call = r.newCall()
	}
	return call, r.current, r.renewals
}

func (r *Reloader) superseded(renewal int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.renewals != renewal
}

// succeed notes what the processes have been told of: what the stores had when the attempts began.
func (r *Reloader) succeed(announced versions) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.memory.note(announced)
}

// maxBackoff bounds the waits: an app that was away is told soon after it is back.
const maxBackoff = 5 * time.Minute
