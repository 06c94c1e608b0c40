package certsync

import (
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/backoff"
)

// MaxAttempts is the number of attempts of the initial sync before the state is Error.
const MaxAttempts = 25

const (
	// heartbeat is the longest time that the loop sleeps before it reads the clocks again.
	heartbeat = 30 * time.Second
	// skew is the allowed difference between clocks when a version is not valid yet.
	skew = 5 * time.Minute
	// maxAttemptWait bounds the waits between the attempts of the initial sync.
	maxAttemptWait = 30 * time.Second
	// maxThrottleWait bounds the pauses without a Retry-After. Key Vault counts in windows of ten
	// seconds.
	maxThrottleWait = 10 * time.Second
	// firstRepeat is the wait before a failed poll is repeated, after the initial sync. It doubles
	// with each failure in a row, and there is no repetition in the second half of the time until
	// the next poll. So short intervals, where many pods may need most of a vault's limit, have
	// none.
	firstRepeat = 5 * time.Minute
	// together is how far apart the times of certificates may be that are fetched in one round.
	together = 50 * time.Millisecond
)

// now is the wall clock's time, without a monotonic reading.
func now() time.Time { return time.Now().Round(0) }

// deadline is a moment on both of the machine's clocks. It is reached when either clock reaches it.
// The monotonic clock stands still while the machine is suspended, and the wall clock jumps when it
// is set: with both, a machine that wakes up polls at once and not hours late, and a machine whose
// clock is set back keeps its pace. The zero deadline is always reached.
type deadline struct {
	wall time.Time // without a monotonic reading
	mono time.Time
}

func in(d time.Duration) deadline {
	t := time.Now().Add(d)
	return deadline{wall: t.Round(0), mono: t}
}

// orAt returns the deadline, or the time of the wall clock if that comes first.
func (d deadline) orAt(wall time.Time) deadline {
	if wall.Before(d.wall) {
		d.wall = wall
	}
	return d
}

// orIn returns the deadline, or that of a wait from now if it comes in the first half of the time.
func (d deadline) orIn(wait time.Duration) deadline {
	if wait < d.left()/2 {
		return in(wait)
	}
	return d
}

func (d deadline) left() time.Duration {
	t := time.Now()
	return min(d.wall.Sub(t), d.mono.Sub(t))
}

// throttleWait returns the pause after the n-th consecutive response that asked for one. If the
// service named a time, the pause is that time plus at most a quarter of it and a second. Otherwise
// it is a random time up to 2, 4, 8, then 10 s: that spreads ten thousand pods evenly, which a
// fixed wait with a little jitter would not.
func (l *Loop[C]) throttleWait(pause time.Duration, n int) time.Duration {
	if pause > 0 {
		return pause + l.random.UpTo(pause/4+time.Second)
	}
	return l.random.UpTo(backoff.Double(2*time.Second, n, maxThrottleWait))
}

// schedule sets the next fetch of a round's certificates, and counts the round if it was a failed
// attempt of the initial sync.
func (l *Loop[C]) schedule(round []*entry) {
	if l.pollAt.left() <= together {
		l.pollAt = in(l.random.Jitter(l.settings.Interval))
	}
	if l.initial && l.retryAt.left() <= together && anyFailed(round) {
		l.attempts++
		l.retryAt = in(l.random.Wait(l.attempts, maxAttemptWait))
	}
	repeat := l.random.Jitter(firstRepeat)
	pauses := map[string]deadline{}
	for _, e := range round {
		switch {
		case e.err == nil:
			e.failures = 0
		case e.throttles == 0 && !l.initial:
			e.failures++
		}
		e.nextAt = l.next(e, repeat)
		if e.throttles == 0 {
			continue
		}
		// One pause for all certificates of a vault, so that they are in one round again, in which
		// one request finds out whether the pause was long enough: see fetch.
		if pause, known := pauses[e.cert.VaultURL]; known {
			e.nextAt = pause
		}
		pauses[e.cert.VaultURL] = e.nextAt
	}
}

// next returns the time of the next fetch. repeat is the wait after a first failure.
func (l *Loop[C]) next(e *entry, repeat time.Duration) deadline {
	switch {
	case e.throttles > 0:
		return in(l.throttleWait(e.pause, e.throttles))
	case e.err != nil && l.initial && l.attempts < MaxAttempts:
		return l.retryAt
	case e.err != nil:
		return l.pollAt.orIn(backoff.Double(repeat, e.failures, l.settings.Interval))
	case e.lost:
		return deadline{}
	case e.waiting != nil:
		return l.pollAt.orAt(e.waiting.Leaf.NotBefore.Add(-skew))
	default:
		return l.pollAt
	}
}

// restartInterval begins the interval until the next poll now, at the end of the initial sync.
// Counted from the beginning, the polls of many pods that started together would come together too,
// however long each of them had to wait for the vault's limit.
//
// If the vault was at its limit, the interval is up to half shorter or longer. That spreads the
// polls of these pods over one whole interval, for which jitter alone would need 50 polls, and
// their number in that time stays the same. An hour is enough for that: the limit allows more than
// a million polls in it.
func (l *Loop[C]) restartInterval() {
	before, interval := l.pollAt, l.settings.Interval
	wait := l.random.Jitter(interval)
	if spread := min(interval, time.Hour); l.crowded && spread > interval/5 {
		wait = interval - spread/2 + l.random.UpTo(spread)
	}
	l.pollAt = in(wait)
	for _, e := range l.entries {
		if e.nextAt == before {
			e.nextAt = l.pollAt
		}
	}
}

func anyFailed(round []*entry) bool {
	for _, e := range round {
		if e.err != nil && e.throttles == 0 {
			return true
		}
	}
	return false
}

// due returns the certificates to fetch now, and the time until the next fetch.
func (l *Loop[C]) due() (round []*entry, wait time.Duration) {
	wait = heartbeat
	for _, e := range l.entries {
		left := e.nextAt.left()
		if left <= together {
			round = append(round, e)
			continue
		}
		wait = min(wait, left)
	}
	return round, wait
}
