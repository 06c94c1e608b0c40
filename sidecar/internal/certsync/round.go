package certsync

import (
	"context"
	"slices"
)

// round fetches certificates, writes what changed to the stores, and schedules the next fetch of
// these certificates, and of others that failed in a store or are missing from it.
func (l *Loop[C]) round(ctx context.Context, polled []*entry) {
	r := Report{Synced: true, Retry: anyFailed(polled)}
	contents := l.fetch(ctx, polled)
	if ctx.Err() != nil {
		return
	}
	affected := slices.Clone(polled)
	for dir, entries := range l.byStore() {
		l.observer.Beat()
		if err := l.commit(dir, entries, contents, &r); err != nil {
			l.log.Error("store cannot be written, its files are unchanged", "store", dir, "error", err)
			fail(entries, err)
			affected = union(affected, entries)
		}
	}
	for _, e := range affected {
		if e.err != nil {
			r.Failures = append(r.Failures, reasonOf(e.err))
		}
	}
	l.schedule(union(affected, l.lost()))
	l.settle(polled)
	l.report(r)
}

// lost returns the certificates whose files turned out to be missing from the store.
func (l *Loop[C]) lost() (lost []*entry) {
	for _, e := range l.entries {
		if e.lost {
			lost = append(lost, e)
		}
	}
	return lost
}

// union adds the entries that the list does not contain yet.
func union(to, entries []*entry) []*entry {
	for _, e := range entries {
		if !slices.Contains(to, e) {
			to = append(to, e)
		}
	}
	return to
}

// settle updates the state and readiness after a round that polled these certificates.
func (l *Loop[C]) settle(polled []*entry) {
	for _, e := range polled {
		if e.err == nil {
			e.lastSuccess = now()
		}
	}
	if l.initial && (l.attempts >= MaxAttempts || l.allFetched()) {
		l.initial = false
		l.restartInterval()
	}
	if !l.ready && len(l.missing()) == 0 {
		l.ready = true
	}
}

func (l *Loop[C]) allFetched() bool {
	for _, e := range l.entries {
		if e.lastSuccess.IsZero() || e.err != nil {
			return false
		}
	}
	return true
}

// commit writes the newest good version of each of a store's certificates.
func (l *Loop[C]) commit(dir string, entries []*entry, contents map[*entry]*C, r *Report) error {
	if err := l.loadStore(dir, entries); err != nil {
		return err
	}
	items := make([]Item[C], len(entries))
	for i, e := range entries {
		items[i] = Item[C]{Certificate: e.cert, Installed: e.desired(), Content: contents[e]}
	}
	result, err := l.stores.Commit(dir, items)
	if err != nil {
		return err
	}
	if result.Changed {
		r.Changed++
	}
	l.warn(dir, entries, result.Warnings)
	for _, e := range entries {
		if slices.Contains(result.Missing, e.cert.LinkName) {
			e.installed, e.lost = nil, true
		}
		if err := result.Failed[e.cert.LinkName]; err != nil {
			l.log.Error("certificate cannot be written", "certificate", e.cert.URL, "error", err)
			fail([]*entry{e}, err)
		}
		if renewed := l.install(e); renewed {
			r.Renewed = append(r.Renewed, e.cert)
		}
	}
	return nil
}

// warn records a store's warnings with its certificates, and logs the new ones.
func (l *Loop[C]) warn(dir string, entries []*entry, warnings []string) {
	known := entries[0].warnings
	for _, e := range entries {
		e.warnings = warnings
	}
	for _, w := range warnings {
		if !slices.Contains(known, w) {
			l.log.Warn("store degraded", "store", dir, "warning", w)
		}
	}
}

// desired is the version that the store is to contain; zero if none is known yet.
func (e *entry) desired() Installed {
	switch {
	case e.fetched != nil:
		return *e.fetched
	case e.installed != nil:
		return *e.installed
	default:
		return Installed{}
	}
}

// install records that a commit wrote the fetched version. It reports whether the version changed.
func (l *Loop[C]) install(e *entry) (renewed bool) {
	if e.fetched == nil {
		return false
	}
	before := e.installed
	e.installed, e.fetched = e.fetched, nil
	if before != nil && *before == *e.installed {
		return false
	}
	l.log.Info("certificate installed", "certificate", e.cert.URL, "version", e.installed.Version,
		"notAfter", e.installed.Leaf.NotAfter, "store", e.cert.Store, "link", e.cert.LinkName)
	switch leaf, t := e.installed.Leaf, now(); {
	case leaf.NotAfter.Before(t):
		l.log.Warn("certificate has expired: renew it in the vault", "certificate", e.cert.URL, "notAfter", leaf.NotAfter)
	case leaf.NotBefore.After(t.Add(skew)):
		l.log.Warn("certificate is not valid yet, installed because the store had no other version",
			"certificate", e.cert.URL, "notBefore", leaf.NotBefore)
	}
	return before != nil
}

// fail records a store's failure with all of its certificates.
func fail(entries []*entry, err error) {
	for _, e := range entries {
		e.err, e.errTime, e.fetched, e.throttles = err, now(), nil, 0
	}
}
