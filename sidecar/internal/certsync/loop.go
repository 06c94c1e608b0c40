package certsync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// Loop keeps certificates in sync. Make it with New.
type Loop struct {
	source   Source
	stores   Stores
	observer Observer
	log      *slog.Logger

	wake    chan struct{}
	mu      sync.Mutex
	callers []chan struct{} // of SyncNow
	change  *Settings       // of Change

	// The rest belongs to the goroutine of Run or Once.

	settings Settings
	entries  []*entry
	// initial: not every certificate was fetched once yet. attempts counts the failed ones.
	initial  bool
	attempts int
	ready    bool
	// loaded are the stores whose content is known: nothing is written to another one.
	loaded  map[string]bool
	pollAt  deadline
	retryAt deadline
}

// entry is what the loop knows of a certificate.
type entry struct {
	cert      contract.Certificate
	installed *Installed
	fetched   *Fetched // of this round
	waiting   *Installed
	// lost: the store has it no more, and it was not fetched since.
	lost bool

	due         deadline
	err         error
	errTime     time.Time
	lastSuccess time.Time
	warnings    []string

	// throttles counts the answers in a row that asked for a pause; asked is that of the last one.
	throttles int
	asked     time.Duration
}

// there says that the store has a version of this certificate.
func (e *entry) there() bool { return e.installed != nil && e.installed.FileName == e.cert.FileName() }

// New returns a Loop that has not begun.
func New(s Settings, source Source, stores Stores, observer Observer, log *slog.Logger) *Loop {
	l := &Loop{
		source: source, stores: stores, observer: observer, log: log,
		wake: make(chan struct{}, 1),
	}
	l.apply(s)
	return l
}

// SyncNow makes the loop poll at once, or after the round that is under way. It does not wait for it: the
// channel is closed when the poll is over and was reported.
func (l *Loop) SyncNow() <-chan struct{} {
	done := make(chan struct{})
	l.mu.Lock()
	l.callers = append(l.callers, done)
	l.mu.Unlock()
	l.rouse()
	return done
}

// Change gives the loop other settings and makes it poll at once. It does not wait for it; a SyncNow after it
// does.
func (l *Loop) Change(s Settings) {
	l.mu.Lock()
	l.change = &s
	l.mu.Unlock()
	l.rouse()
}

func (l *Loop) rouse() {
	select {
	case l.wake <- struct{}{}:
	default: // is roused already
	}
}

// pollNow polls everything, for the callers of SyncNow and Change.
func (l *Loop) pollNow(ctx context.Context) {
	l.mu.Lock()
	callers, change := l.callers, l.change
	l.callers, l.change = nil, nil
	l.mu.Unlock()
	if change != nil {
		l.apply(*change)
		l.load()
		l.report(Report{})
	}
	l.round(ctx, l.entries)
	for _, done := range callers {
		close(done)
	}
}

// Run polls until ctx ends. What the stores have then stays.
func (l *Loop) Run(ctx context.Context) {
	l.begin()
	for ctx.Err() == nil {
		l.observer.Beat()
		round, wait := l.due()
		if len(round) > 0 {
			l.round(ctx, round)
			continue
		}
		l.sleep(ctx, wait)
	}
}

// Once syncs until every certificate is in its store, and returns nil. It returns an error that names
// each missing certificate and why after MaxAttempts, when only permanent failures are left, or when
// ctx ends.
func (l *Loop) Once(ctx context.Context) error {
	l.begin()
	for ctx.Err() == nil {
		l.observer.Beat()
		round, wait := l.due()
		if len(round) == 0 {
			l.sleep(ctx, wait)
			continue
		}
		l.round(ctx, round)
		if len(l.missing()) == 0 {
			return nil
		}
		if l.hopeless() {
			break
		}
	}
	failures := []error{context.Cause(ctx)}
	for _, e := range l.missing() {
		failures = append(failures, fmt.Errorf("%s: %w", e.cert.URL, cmp.Or(e.err, errNotYet)))
	}
	return errors.Join(failures...)
}

var errNotYet = errors.New("not fetched yet")

// hopeless says that trying on is of no use to one who waits for the result.
func (l *Loop) hopeless() bool {
	if !l.initial {
		return true
	}
	for _, e := range l.missing() {
		if !isPermanent(e.err) {
			return false
		}
	}
	return true
}

func (l *Loop) sleep(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-l.wake:
		l.pollNow(ctx)
	}
}

// begin takes over what the stores have.
func (l *Loop) begin() {
	l.load()
	if len(l.missing()) == 0 || !l.settings.RequireInitialSync {
		l.ready = true
	}
	l.report(Report{})
}

// apply takes over settings. What is known of a certificate that stays the same is kept; the others are
// due at once.
func (l *Loop) apply(s Settings) {
	known := map[string]*entry{}
	for _, e := range l.entries {
		known[key(e.cert)] = e
	}
	l.settings, l.entries = s, nil
	for _, c := range s.Certificates {
		e := known[key(c)]
		if e == nil {
			e = &entry{}
		}
		e.cert, e.due = c, deadline{}
		l.entries = append(l.entries, e)
	}
	l.initial, l.attempts, l.loaded = len(l.entries) > 0, 0, map[string]bool{}
	l.pollAt, l.retryAt = deadline{}, deadline{}
}

// key tells certificates apart: a link in a store can have one source only.
func key(c contract.Certificate) string { return c.Store + "\n" + c.LinkName + "\n" + c.URL }

// load reads what the stores have. A store that cannot be opened is tried again with each commit.
func (l *Loop) load() {
	for dir, entries := range l.byStore() {
		if err := l.loadStore(dir, entries); err != nil {
			l.log.Error("store cannot be opened", "store", dir, "error", err)
			fail(entries, err)
		}
	}
}

func (l *Loop) loadStore(dir string, entries []*entry) error {
	if l.loaded[dir] {
		return nil
	}
	current, err := l.stores.Current(dir)
	if err != nil {
		return err
	}
	l.loaded[dir] = true
	for _, e := range entries {
		e.installed = nil
		if have, ok := current[e.cert.LinkName]; ok {
			e.installed = &have
		}
	}
	return nil
}

func (l *Loop) byStore() map[string][]*entry {
	stores := map[string][]*entry{}
	for _, e := range l.entries {
		stores[e.cert.Store] = append(stores[e.cert.Store], e)
	}
	return stores
}

// missing are the certificates that no store has a version of.
func (l *Loop) missing() []*entry {
	var missing []*entry
	for _, e := range l.entries {
		if !e.there() {
			missing = append(missing, e)
		}
	}
	return missing
}
