// Package reload announces renewed certificates to other processes of the pod or host, by a signal,
// by a POST to a loopback URL, or both.
//
// It guarantees that every renewal is announced at least once, after the store has the new files. A
// failed announcement is retried until it succeeds or a later renewal replaces it. If the process
// dies before an announcement succeeds, the next process makes it. The initial sync does not count
// as a renewal.
//
// It never blocks the sync loop. It never signals this process or another process of the same
// program. It never connects to an address outside loopback. Its failures never affect readiness.
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
	// Try makes the parts of the announcement that have not succeeded yet. It limits its duration.
	// The error says what failed and what to do. Try is called again after an error.
	Try(ctx context.Context) error
}

// Announcer announces renewals. Create it with New, pass every certsync.Report to Report, and call
// Run.
type Announcer struct {
	announced *announced
	observe   func(attempt int, err error)
	log       *slog.Logger
	pending   chan struct{} // has one element while there is something new to announce

	mu       sync.Mutex
	newCall  func() Call // nil: nothing is announced
	current  versions
	renewals int // number of renewals; when it changes, the announcement in progress is replaced
}

// New returns an Announcer that stores in a file what it has announced. If path is empty, this is
// not kept after the process ends. observe is called after every attempt with its error and its
// number, which starts at 1 for each renewal.
func New(path string, observe func(attempt int, err error), log *slog.Logger) *Announcer {
	return &Announcer{announced: readAnnounced(path, log), observe: observe, log: log, pending: make(chan struct{}, 1)}
}

// Configure sets how renewals are announced from now on. If newCall is nil, they are not announced.
// A renewal that is not announced yet, for example because of a wrong configuration, starts again.
func (a *Announcer) Configure(newCall func() Call) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.newCall = newCall
	if a.renewals > 0 && a.announced.differs(a.current) {
		a.start()
	}
}

// Report compares what the stores contain with what was announced. It does not block.
func (a *Announcer) Report(report certsync.Report) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.current = installed(report)
	if a.newCall == nil || !a.announced.differs(a.current) {
		a.announced.record(a.current)
		return
	}
	if len(report.Renewed) == 0 && a.renewals > 0 {
		return // the announcement is in progress
	}
	a.start()
}

// start makes Run announce the current versions, in place of an announcement in progress.
func (a *Announcer) start() {
	a.renewals++
	select {
	case a.pending <- struct{}{}:
	default: // already pending
	}
}

// Run makes announcements until ctx ends.
func (a *Announcer) Run(ctx context.Context) {
	for {
		select {
		case <-a.pending:
			a.announce(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// announce makes attempts until one succeeds or ctx ends. If there is another renewal in the
// meantime, it starts again with that one.
func (a *Announcer) announce(ctx context.Context) {
	call, current, renewal := a.next()
	for attempt := 1; call != nil; attempt++ {
		err := a.try(ctx, call, current, attempt)
		if ctx.Err() != nil || err == nil {
			return
		}
		wait := backoff.Wait(attempt, maxBackoff)
		a.log.Warn("announcing the renewal failed, retrying", "attempt", attempt, "error", err, "wait", wait.String())
		select {
		case <-time.After(wait):
		case <-a.pending:
		case <-ctx.Done():
			return
		}
		if a.superseded(renewal) {
			call, current, renewal = a.next()
			attempt = 0
		}
	}
}

// Once makes one attempt to announce a pending renewal, if there is one. It is for processes that
// do not call Run. If the attempt fails and there is a file, the next process announces the
// renewal.
func (a *Announcer) Once(ctx context.Context) error {
	select {
	case <-a.pending:
	default:
		return nil
	}
	call, current, _ := a.next()
	if call == nil {
		return nil
	}
	return a.try(ctx, call, current, 1)
}

// try makes an attempt and, unless ctx has ended, records and reports its result.
func (a *Announcer) try(ctx context.Context, call Call, current versions, attempt int) error {
	err := call.Try(ctx)
	if ctx.Err() != nil {
		return err
	}
	if err == nil {
		a.log.Info("renewal announced", "attempt", attempt)
		a.record(current)
	}
	a.observe(attempt, err)
	return err
}

// next returns the versions to announce, their renewal number, and a new call, which is nil if
// renewals are no longer announced.
func (a *Announcer) next() (call Call, current versions, renewal int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.newCall != nil {
		call = a.newCall()
	}
	return call, a.current, a.renewals
}

func (a *Announcer) superseded(renewal int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.renewals != renewal
}

// record records the versions that were announced: those in the stores when the attempts started.
func (a *Announcer) record(current versions) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.announced.record(current)
}

// maxBackoff limits the waits, so that an app that was down gets the announcement soon after it is
// up.
const maxBackoff = 5 * time.Minute
