package certsync

import (
	"math/rand/v2"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/backoff"
)

// MaxAttempts is how often the initial sync is tried before the state is Error.
const MaxAttempts = 25

const (
	// heartbeat is the longest time that the loop sleeps before it looks at the clocks again.
	heartbeat = 30 * time.Second
	// skew is the difference between clocks that is allowed for when a version is not valid yet.
	skew = 5 * time.Minute
	// maxAttemptWait bounds the waits between the attempts of the initial sync.
	maxAttemptWait = 30 * time.Second
	// maxThrottleWait bounds the pauses without a Retry-After. Key Vault counts in windows of ten seconds.
	maxThrottleWait = 10 * time.Second
	// together is how far apart the due times of certificates may be that are fetched in one round.
	together = 50 * time.Millisecond
)

// now is the wall clock's time, without a monotonic reading.
func now() time.Time { return time.Now().Round(0) }

// deadline is a moment by both of the machine's clocks, and has come when either says so. The monotonic clock
// stands still while the machine is suspended, and the wall clock jumps when it is set: with both, a machine that
// wakes up polls at once and not hours late, and one whose clock is set back polls on at its pace. The zero
// deadline has come.
type deadline struct {
	wall time.Time // without a monotonic reading
	mono time.Time
}

func in(d time.Duration) deadline {
	t := time.Now().Add(d)
	return deadline{wall: t.Round(0), mono: t}
}

// orAt is the deadline, or a time of the wall clock that comes before it.
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

// throttleWait is the pause after the n-th answer in a row that asked for one. A pause that the service
// named is kept, and up to a quarter (and a second) longer; otherwise it is anything between nothing and 1, 2, 4, 8,
// then 10 s, which spreads ten thousand pods evenly where adding a little to a fixed wait would not.
func throttleWait(asked time.Duration, n int) time.Duration {
	if asked > 0 {
		return asked + upTo(asked/4+time.Second)
	}
	return upTo(min(maxThrottleWait, time.Second<<min(n, 4)))
}

func upTo(d time.Duration) time.Duration { return time.Duration(rand.Float64() * float64(d)) }

// schedule sets when the certificates of a round are due next, and counts the round if it was an attempt
// of the initial sync that failed.
func (l *Loop) schedule(round []*entry) {
	if l.pollAt.left() <= together {
		l.pollAt = in(backoff.Jitter(l.settings.Interval))
	}
	if l.initial && l.retryAt.left() <= together && anyFailed(round) {
		l.attempts++
		l.retryAt = in(backoff.Wait(l.attempts, maxAttemptWait))
	}
	for _, e := range round {
		e.due = l.next(e)
	}
}

func (l *Loop) next(e *entry) deadline {
	switch {
	case e.throttles > 0:
		return in(throttleWait(e.asked, e.throttles))
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

// due returns the certificates whose time has come, and the time until the next one's.
func (l *Loop) due() (round []*entry, wait time.Duration) {
	wait = heartbeat
	for _, e := range l.entries {
		left := e.due.left()
		if left <= together {
			round = append(round, e)
			continue
		}
		wait = min(wait, left)
	}
	return round, wait
}
