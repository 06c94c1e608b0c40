// Package backoff computes how long to wait before the next attempt. It waits for nothing itself.
package backoff

import (
	"math/rand/v2"
	"time"
)

// Wait returns the wait after the n-th failure, counted from 1: 1, 2, 4 s and so on up to limit,
// with jitter.
func Wait(n int, limit time.Duration) time.Duration { return Random(rand.Float64).Wait(n, limit) }

// Random returns numbers in [0, 1). It is rand.Float64, or in a simulation a generator with a seed.
type Random func() float64

// Wait is the function Wait with this generator.
func (r Random) Wait(n int, limit time.Duration) time.Duration {
	return r.Jitter(Double(time.Second, n, limit))
}

// Jitter returns a duration that is up to 10 % shorter or longer than d, so that processes that
// started together do not keep in step.
func (r Random) Jitter(d time.Duration) time.Duration {
	return d + time.Duration((r()-0.5)*0.2*float64(d))
}

// UpTo returns a duration between 0 and d.
func (r Random) UpTo(d time.Duration) time.Duration { return time.Duration(r() * float64(d)) }

// Double returns first for n = 1, twice that for n = 2, and so on, up to limit.
func Double(first time.Duration, n int, limit time.Duration) time.Duration {
	for d := first; ; d *= 2 {
		if n--; n <= 0 || d >= limit {
			return min(d, limit)
		}
	}
}
