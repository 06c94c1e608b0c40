package certsync

import (
	"fmt"
	"slices"
	"strings"
)

// report completes a report and sends it to the observer.
func (l *Loop[C]) report(r Report) {
	r.Time, r.State, r.Ready = now(), l.state(), l.ready
	r.Reason, r.Interval = l.reason(r.State), l.settings.Interval
	for _, e := range l.entries {
		s := Status{
			Certificate: e.cert, LastSuccess: e.lastSuccess, Waiting: e.waiting,
			Err: e.err, ErrTime: e.errTime, Warnings: slices.Concat(e.notes, e.warnings),
		}
		if e.isInstalled() {
			s.Installed = *e.installed
		}
		r.Certificates = append(r.Certificates, s)
	}
	l.observer.Report(r)
	if r.Synced {
		l.log.Info("sync finished", "state", r.State, "ready", r.Ready, "reason", r.Reason)
	}
}

func (l *Loop[C]) state() State {
	if l.initial {
		return Transitioning
	}
	if len(l.failing()) > 0 {
		return Error
	}
	return Success
}

// failing returns the certificates whose last fetch or commit failed, except those that are
// throttled and have a good version in the store.
func (l *Loop[C]) failing() []*entry {
	var failing []*entry
	for _, e := range l.entries {
		if e.err != nil && (e.throttles == 0 || !e.isInstalled()) {
			failing = append(failing, e)
		}
	}
	return failing
}

// reason describes in one line the state of the loop. "kubectl describe pod" shows it.
func (l *Loop[C]) reason(s State) string {
	total := len(l.entries)
	if total == 0 {
		return "no certificates to sync"
	}
	failing := l.failing()
	if len(failing) == 0 {
		if missing := len(l.missing()); missing > 0 {
			return fmt.Sprintf("fetching %s", count(missing, total))
		}
		return fmt.Sprintf("%s in the store", count(total, total))
	}
	var b strings.Builder
	switch missing := len(l.missing()); {
	case missing > 0:
		fmt.Fprintf(&b, "%s missing", count(missing, total))
	default:
		fmt.Fprintf(&b, "%s in the store, %d not up to date", count(total, total), len(failing))
	}
	if s == Transitioning && l.attempts > 0 {
		fmt.Fprintf(&b, " after attempt %d of %d", l.attempts, MaxAttempts)
	}
	for i, e := range failing {
		if i == 3 {
			fmt.Fprintf(&b, "; and %d more", len(failing)-i)
			break
		}
		separator := "; "
		if i == 0 {
			separator = ": "
		}
		fmt.Fprintf(&b, "%s%s: %s", separator, e.cert.FileName(), e.err)
	}
	return b.String()
}

func count(n, total int) string {
	if n == total {
		if total == 1 {
			return "1 certificate"
		}
		return fmt.Sprintf("%d certificates", total)
	}
	return fmt.Sprintf("%d of %d certificates", n, total)
}
