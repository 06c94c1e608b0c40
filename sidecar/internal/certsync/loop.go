package certsync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/backoff"
)

// Loop keeps certificates in sync. Use New to create one.
type Loop[C any] struct {
	source   Source[C]
	stores   Stores[C]
	observer Observer
	log      *slog.Logger
	random   backoff.Random

	wake    chan struct{}
	mu      sync.Mutex
	callers []chan struct{} // of SyncNow
	change  *Settings       // of Change

	// The rest belongs to the goroutine of Run or Once.

	settings Settings
	entries  []*entry
	// initial: not every certificate was fetched once yet. attempts counts the rounds that failed.
	initial  bool
	attempts int
	// crowded: a service asked for a pause since the beginning of the initial sync.
	crowded bool
	ready   bool
	// loaded are the stores whose content is known. The loop writes to no other store.
	loaded  map[string]bool
	pollAt  deadline
	retryAt deadline
}

// entry is what the loop knows about a certificate.
type entry struct {
	cert      contract.Certificate
	installed *Installed
	fetched   *Installed // in this round, and ready to be installed
	waiting   *Installed
	// lost: it is missing from the store, and was not fetched again yet.
	lost bool

	nextAt      deadline
	err         error
	errTime     time.Time
	lastSuccess time.Time
	// notes are the warnings of the version that is installed, warnings those of the store.
	notes, warnings []string

	// failures counts the consecutive failures since the initial sync, without throttling.
	failures int
	// throttles counts the consecutive responses that asked for a pause; pause is the last one's.
	throttles int
	pause     time.Duration
}

// isInstalled reports whether the store has a version of this certificate.
func (e *entry) isInstalled() bool {
	return e.installed != nil && e.installed.FileName == e.cert.FileName()
}

// New returns a Loop that has not begun.
func New[C any](s Settings, source Source[C], stores Stores[C], observer Observer, log *slog.Logger) *Loop[C] {
	l := &Loop[C]{
		source: source, stores: stores, observer: observer, log: log, random: rand.Float64,
		wake: make(chan struct{}, 1),
	}
	l.apply(s)
	return l
}

// SyncNow makes the loop poll at once, or after the round in progress. It does not wait: the
// channel is closed when the poll is over and was reported.
func (l *Loop[C]) SyncNow() <-chan struct{} {
	done := make(chan struct{})
	l.mu.Lock()
	l.callers = append(l.callers, done)
	l.mu.Unlock()
	l.notify()
	return done
}

// Change gives the loop other settings and makes it poll at once. It does not wait for the poll;
// use SyncNow after it for that.
func (l *Loop[C]) Change(s Settings) {
	l.mu.Lock()
	l.change = &s
	l.mu.Unlock()
	l.notify()
}

func (l *Loop[C]) notify() {
	select {
	case l.wake <- struct{}{}:
	default: // a notification is pending
	}
}

// pollNow polls everything, for the callers of SyncNow and Change.
func (l *Loop[C]) pollNow(ctx context.Context) {
	l.mu.Lock()
	callers, change := l.callers, l.change
	l.callers, l.change = nil, nil
	l.mu.Unlock()
	if change != nil {
		l.apply(*change)
		l.load()
		l.report(Report{})
	}
	l.reloadMoved()
	l.round(ctx, l.entries)
	for _, done := range callers {
		close(done)
	}
}

// Run polls until ctx ends. The stores keep what they contain then.
func (l *Loop[C]) Run(ctx context.Context) {
	l.begin()
	for ctx.Err() == nil {
		l.observer.Beat()
		l.reloadMoved()
		round, wait := l.due()
		if len(round) > 0 {
			l.round(ctx, round)
			continue
		}
		l.sleep(ctx, wait)
	}
}

// Once syncs until every certificate is in its store. It gives up after MaxAttempts, when only
// permanent failures are left, or when ctx ends. The error names each certificate that is missing,
// and if newest is true also each whose newest version could not be fetched or written, and the
// reason. A newest version is tried once, but a pause that a service asks for is waited out.
func (l *Loop[C]) Once(ctx context.Context, newest bool) error {
	l.begin()
	for ctx.Err() == nil {
		l.observer.Beat()
		round, wait := l.due()
		if len(round) == 0 {
			l.sleep(ctx, wait)
			continue
		}
		l.round(ctx, round)
		paused := newest && len(l.missing()) == 0 && l.isThrottled()
		if l.hopeless() && !paused {
			break
		}
	}
	failures := []error{context.Cause(ctx)}
	for _, e := range l.entries {
		switch {
		case !e.isInstalled():
			failures = append(failures, fmt.Errorf("%s: %w", e.cert.URL, cmp.Or(e.err, errNotYet)))
		case newest && e.err != nil:
			failures = append(failures, fmt.Errorf("%s is not up to date: %w", e.cert.URL, e.err))
		}
	}
	return errors.Join(failures...)
}

var errNotYet = errors.New("not fetched yet")

// isThrottled reports whether a service asked for a pause.
func (l *Loop[C]) isThrottled() bool {
	return slices.ContainsFunc(l.entries, func(e *entry) bool { return e.throttles > 0 })
}

// hopeless reports whether Once would wait in vain, or for nothing: no certificate is missing.
func (l *Loop[C]) hopeless() bool {
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

func (l *Loop[C]) sleep(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-l.wake:
		l.pollNow(ctx)
	}
}

// begin reads the stores and sends the first report.
func (l *Loop[C]) begin() {
	l.load()
	if len(l.missing()) == 0 || !l.settings.RequireInitialSync {
		l.ready = true
	}
	l.report(Report{})
}

// apply replaces the settings. It keeps what is known about certificates that are in both. All
// certificates are due at once.
func (l *Loop[C]) apply(s Settings) {
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
		e.cert, e.nextAt = c, deadline{}
		l.entries = append(l.entries, e)
	}
	l.initial, l.attempts, l.crowded, l.loaded = len(l.entries) > 0, 0, false, map[string]bool{}
	l.pollAt, l.retryAt = deadline{}, deadline{}
}

// key identifies a certificate: a link in a store has only one source.
func key(c contract.Certificate) string { return c.Store + "\n" + c.LinkName + "\n" + c.URL }

// load reads what the stores contain. Each commit tries again to open a store that could not be
// opened.
func (l *Loop[C]) load() {
	for dir, entries := range l.byStore() {
		if err := l.loadStore(dir, entries); err != nil {
			l.log.Error("store cannot be opened", "store", dir, "error", err)
			fail(entries, err)
		}
	}
}

func (l *Loop[C]) loadStore(dir string, entries []*entry) error {
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

// reloadMoved reads the stores again whose directory was removed, replaced or mounted over, and
// makes their certificates due. The loop calls it with every heartbeat.
func (l *Loop[C]) reloadMoved() {
	for dir, entries := range l.byStore() {
		if !l.loaded[dir] || l.stores.InPlace(dir) {
			continue
		}
		l.log.Warn("store was removed, replaced or mounted over: its files are written again", "store", dir)
		l.loaded[dir] = false
		for _, e := range entries {
			e.installed, e.nextAt = nil, deadline{}
		}
		if err := l.loadStore(dir, entries); err != nil {
			l.log.Error("store cannot be opened", "store", dir, "error", err)
			fail(entries, err)
		}
	}
}

func (l *Loop[C]) byStore() map[string][]*entry {
	stores := map[string][]*entry{}
	for _, e := range l.entries {
		stores[e.cert.Store] = append(stores[e.cert.Store], e)
	}
	return stores
}

// missing returns the certificates of which no version is in the store.
func (l *Loop[C]) missing() []*entry {
	var missing []*entry
	for _, e := range l.entries {
		if !e.isInstalled() {
			missing = append(missing, e)
		}
	}
	return missing
}
