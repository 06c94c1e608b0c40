package certsync

import (
	"context"
	"maps"
	"slices"
)

// parallel limits how many certificates are fetched at the same time.
const parallel = 16

// fetch requests the certificates of a round. It records the results in the entries and returns the
// contents to install.
//
// Of the certificates for which a vault asked for a pause, it requests one first. If the vault asks
// for a pause again, the others are not requested: of many pods that wait for one vault, each then
// costs the vault one request and not one for each certificate, and a pod whose turn has come gets
// all of its certificates, instead of all pods advancing together.
func (l *Loop[C]) fetch(ctx context.Context, round []*entry) map[*entry]*C {
	contents := map[*entry]*C{}
	first, later := l.probes(round)
	l.request(ctx, first, contents)
	var rest []*entry
	for probe, entries := range later {
		if probe.throttles == 0 {
			rest = append(rest, entries...)
			continue
		}
		for _, e := range entries {
			e.err, e.errTime, e.pause = probe.err, probe.errTime, probe.pause
			e.throttles++
		}
	}
	l.request(ctx, rest, contents)
	return contents
}

// probes divides a round into the certificates to request first and, by one of these, those to
// request only if this one is not throttled again. It is chosen at random, so that a certificate
// that is throttled for another reason, such as its identity, does not hold back the others.
func (l *Loop[C]) probes(round []*entry) (first []*entry, later map[*entry][]*entry) {
	throttled := map[string][]*entry{}
	for _, e := range round {
		if e.throttles == 0 {
			first = append(first, e)
		} else {
			throttled[e.cert.VaultURL] = append(throttled[e.cert.VaultURL], e)
		}
	}
	later = map[*entry][]*entry{}
	for _, vault := range slices.Sorted(maps.Keys(throttled)) {
		entries := throttled[vault]
		i := int(l.random() * float64(len(entries)))
		probe := entries[i]
		first, later[probe] = append(first, probe), slices.Delete(entries, i, i+1)
	}
	return first, later
}

// request requests certificates, several at the same time, records the results in the entries and
// adds the contents to install.
func (l *Loop[C]) request(ctx context.Context, entries []*entry, contents map[*entry]*C) {
	type result struct {
		entry   *entry
		fetched Fetched[C]
		err     error
	}
	results := make(chan result)
	slots := make(chan struct{}, parallel)
	for _, e := range entries {
		have := ""
		if e.isInstalled() {
			have = e.installed.Version
		}
		go func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			fetched, err := l.source.Fetch(ctx, e.cert, have)
			results <- result{e, fetched, err}
		}()
	}
	for range entries {
		r := <-results
		l.observer.Beat()
		if ctx.Err() != nil {
			continue // shutting down: a fetch that was interrupted did not fail
		}
		l.record(r.entry, r.fetched, r.err)
		if r.entry.fetched != nil {
			contents[r.entry] = r.fetched.Content
		}
	}
}

// record records the result of a fetch: a version to install, a version that waits, or a failure.
func (l *Loop[C]) record(e *entry, fetched Fetched[C], err error) {
	e.fetched, e.waiting, e.lost = nil, nil, false
	if err != nil {
		l.recordFailure(e, err)
		return
	}
	e.err, e.throttles = nil, 0
	version := Installed{FileName: e.cert.FileName(), Version: fetched.Version, Leaf: fetched.Leaf}
	switch {
	case !e.isInstalled():
	case e.installed.Version == version.Version:
		version.Leaf = e.installed.Leaf
	case e.cert.Version == "" && e.installed.outlives(version):
		e.err, e.errTime = &expiredError{newest: version, installed: *e.installed}, now()
		l.log.Warn("newest version has expired, keeping the installed version", "certificate", e.cert.URL,
			"version", version.Version, "notAfter", version.Leaf.NotAfter, "installed", e.installed.Version)
		return
	case version.Leaf.NotBefore.After(now().Add(skew)):
		e.waiting = &version
		l.log.Info("newer version is not valid yet, keeping the installed version", "certificate", e.cert.URL,
			"version", version.Version, "notBefore", version.Leaf.NotBefore, "installed", e.installed.Version)
		return
	}
	e.fetched = &version
	l.note(e, version.Version, fetched.Warnings)
}

// note records the warnings of a version that is installed now or next, and logs the new ones.
func (l *Loop[C]) note(e *entry, version string, warnings []string) {
	for _, w := range warnings {
		if !slices.Contains(e.notes, w) {
			l.log.Warn("certificate warning", "certificate", e.cert.URL, "version", version, "warning", w)
		}
	}
	e.notes = warnings
}

func (l *Loop[C]) recordFailure(e *entry, err error) {
	e.err, e.errTime = err, now()
	if pause, ok := throttled(err); ok {
		e.throttles++
		e.pause = pause
		l.crowded = true
		l.log.Info("throttled", "certificate", e.cert.URL, "error", err)
		return
	}
	e.throttles = 0
	l.log.Warn("certificate cannot be fetched", "certificate", e.cert.URL, "error", err,
		"permanent", isPermanent(err), "kept", e.installed != nil)
}
