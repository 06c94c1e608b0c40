package certsync

import (
	"context"
	"slices"
)

// parallel bounds how many certificates are fetched at once.
const parallel = 16

// round fetches certificates, puts what changed into the stores, and sets when they, and others that a store failed
// or lost, are due next.
func (l *Loop) round(ctx context.Context, asked []*entry) {
	r := Report{Synced: true, Retry: anyFailed(asked)}
	l.fetch(ctx, asked)
	if ctx.Err() != nil {
		return
	}
	settled := slices.Clone(asked)
	for dir, entries := range l.byStore() {
		l.observer.Beat()
		if err := l.commit(dir, entries, &r); err != nil {
			l.log.Error("store cannot be written, what it has stays", "store", dir, "error", err)
			fail(entries, err)
			settled = union(settled, entries)
		}
	}
	l.schedule(union(settled, l.lost()))
	l.settle(asked)
	l.report(r)
}

// lost are the certificates of which the store turned out not to have its version any more.
func (l *Loop) lost() (lost []*entry) {
	for _, e := range l.entries {
		if e.lost {
			lost = append(lost, e)
		}
	}
	return lost
}

// union adds the entries that are not there yet.
func union(to, entries []*entry) []*entry {
	for _, e := range entries {
		if !slices.Contains(to, e) {
			to = append(to, e)
		}
	}
	return to
}

// settle moves on the state and readiness after a round that asked for these.
func (l *Loop) settle(asked []*entry) {
	for _, e := range asked {
		if e.err == nil {
			e.lastSuccess = now()
		}
	}
	if l.initial && (l.attempts >= MaxAttempts || l.allFetched()) {
		l.initial = false
	}
	if !l.ready && len(l.missing()) == 0 {
		l.ready = true
	}
}

func (l *Loop) allFetched() bool {
	for _, e := range l.entries {
		if e.lastSuccess.IsZero() || e.err != nil {
			return false
		}
	}
	return true
}

// fetch asks for all certificates of a round, several at once, and keeps the results in the entries.
func (l *Loop) fetch(ctx context.Context, round []*entry) {
	type result struct {
		entry   *entry
		fetched Fetched
		err     error
	}
	results := make(chan result)
	slots := make(chan struct{}, parallel)
	for _, e := range round {
		have := ""
		if e.there() {
			have = e.installed.Version
		}
		go func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			fetched, err := l.source.Fetch(ctx, e.cert, have)
			results <- result{e, fetched, err}
		}()
	}
	for range round {
		r := <-results
		l.observer.Beat()
		if ctx.Err() == nil { // told to end: what was not fetched did not fail
			l.take(r.entry, r.fetched, r.err)
		}
	}
}

// take decides what becomes of a result.
func (l *Loop) take(e *entry, f Fetched, err error) {
	e.fetched, e.waiting, e.lost = nil, nil, false
	if err != nil {
		l.takeFailure(e, err)
		return
	}
	e.err, e.throttles = nil, 0
	if e.there() && e.installed.Version == f.Version {
		f.Leaf = e.installed.Leaf
	} else if e.there() && f.Leaf.NotBefore.After(now().Add(skew)) {
		e.waiting = &Installed{FileName: e.cert.FileName(), Version: f.Version, Leaf: f.Leaf}
		l.log.Info("newer version is not valid yet and waits", "certificate", e.cert.URL,
			"version", f.Version, "notBefore", f.Leaf.NotBefore, "installed", e.installed.Version)
		return
	}
	e.fetched = &f
}

func (l *Loop) takeFailure(e *entry, err error) {
	e.err, e.errTime = err, now()
	if asked, ok := throttled(err); ok {
		e.throttles++
		e.asked = asked
		l.log.Info("throttled", "certificate", e.cert.URL, "error", err)
		return
	}
	e.throttles = 0
	l.log.Warn("certificate cannot be fetched", "certificate", e.cert.URL, "error", err,
		"permanent", isPermanent(err), "kept", e.installed != nil)
}

// commit makes a store hold the newest good version of each of its certificates.
func (l *Loop) commit(dir string, entries []*entry, r *Report) error {
	if err := l.loadStore(dir, entries); err != nil {
		return err
	}
	items := make([]Item, len(entries))
	for i, e := range entries {
		items[i] = e.item()
	}
	done, err := l.stores.Commit(dir, items)
	if err != nil {
		return err
	}
	if done.Changed {
		r.Changed++
	}
	l.warn(dir, entries, done.Warnings)
	for _, e := range entries {
		if slices.Contains(done.Missing, e.cert.LinkName) {
			e.installed, e.lost = nil, true
		}
		if err := done.Failed[e.cert.LinkName]; err != nil {
			l.log.Error("certificate cannot be written", "certificate", e.cert.URL, "error", err)
			fail([]*entry{e}, err)
		}
		if renewed := l.install(e); renewed {
			r.Renewed = append(r.Renewed, e.cert)
		}
	}
	return nil
}

// warn notes a store's warnings with its certificates, and logs those that are new.
func (l *Loop) warn(dir string, entries []*entry, warnings []string) {
	known := entries[0].warnings
	for _, e := range entries {
		e.warnings = warnings
	}
	for _, w := range warnings {
		if !slices.Contains(known, w) {
			l.log.Warn("store is not quite as asked for", "store", dir, "warning", w)
		}
	}
}

// item is what the store is to hold of a certificate.
func (e *entry) item() Item {
	switch {
	case e.fetched != nil:
		return Item{Certificate: e.cert, Installed: e.newest(), Content: e.fetched.Content}
	case e.installed != nil:
		return Item{Certificate: e.cert, Installed: *e.installed}
	default:
		return Item{Certificate: e.cert}
	}
}

// newest is the version that was fetched.
func (e *entry) newest() Installed {
	return Installed{FileName: e.cert.FileName(), Version: e.fetched.Version, Leaf: e.fetched.Leaf}
}

// install notes what a commit put into the store. It returns whether that is another version.
func (l *Loop) install(e *entry) bool {
	if e.fetched == nil {
		return false
	}
	before, after := e.installed, e.newest()
	e.installed, e.fetched = &after, nil // and with it goes the private key
	if before != nil && *before == after {
		return false
	}
	l.log.Info("certificate installed", "certificate", e.cert.URL, "version", e.installed.Version,
		"notAfter", e.installed.Leaf.NotAfter, "store", e.cert.Store, "link", e.cert.LinkName)
	switch leaf, t := e.installed.Leaf, now(); {
	case leaf.NotAfter.Before(t):
		l.log.Warn("certificate has expired: renew it in the vault", "certificate", e.cert.URL, "notAfter", leaf.NotAfter)
	case leaf.NotBefore.After(t.Add(skew)):
		l.log.Warn("certificate is not valid yet, but there is no other one", "certificate", e.cert.URL, "notBefore", leaf.NotBefore)
	}
	return before != nil
}

// fail notes the failure of a store with all of its certificates.
func fail(entries []*entry, err error) {
	for _, e := range entries {
		e.err, e.errTime, e.fetched, e.throttles = err, now(), nil, 0
	}
}
