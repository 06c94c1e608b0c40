package certsync

import (
	"math/rand/v2"
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

func (d deadline) left() time.Duration {
	t := time.Now()
	return min(d.wall.Sub(t), d.mono.Sub(t))
}

// throttleWait returns the pause after the n-th consecutive response that asked for one. If the
// service named a time, the pause is that time plus at most a quarter of it and a second. Otherwise
// it is a random time up to 2, 4, 8, then 10 s: that spreads ten thousand pods evenly, which a
// fixed wait with a little jitter would not.
func throttleWait(pause time.Duration, n int) time.Duration {
	if pause > 0 {
		return pause + upTo(pause/4+time.Second)
	}
	return upTo(min(maxThrottleWait, time.Second<<min(n, 4)))
}

func upTo(d time.Duration) time.Duration { return time.Duration(rand.Float64() * float64(d)) }

// schedule sets the next fetch of a round's certificates, and counts the round if it was a failed
// attempt of the initial sync.
func (l *Loop[C]) schedule(round []*entry) {
	if l.pollAt.left() <= together {
		l.pollAt = in(backoff.Jitter(l.settings.Interval))
	}
	if l.initial && l.retryAt.left() <= together && anyFailed(round) {
		l.attempts++
		l.retryAt = in(backoff.Wait(l.attempts, maxAttemptWait))
	}
	for _, e := range round {
		e.nextAt = l.next(e)
	}
}

func (l *Loop[C]) next(e *entry) deadline {
	switch {
	case e.throttles > 0:
		return in(throttleWait(e.pause, e.throttles))
	case e.err != nil && l.initial && l.attempts < MaxAttempts:
		return l.retryAt
	case e.err == nil && e.lost:
		return deadline{}
	case e.waiting != nil:
		return l.pollAt.orAt(e.waiting.Leaf.NotBefore.Add(-skew))
	default:
		return l.pollAt
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
