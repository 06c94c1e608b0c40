// Package backoff computes how long to wait before the next attempt. It waits for nothing itself.
package backoff

import (
	"math/rand/v2"
	"time"
)

// Wait returns the wait after the n-th failure, counted from 1: 1, 2, 4 s and so on up to limit,
// with Jitter.
func Wait(n int, limit time.Duration) time.Duration {
	const maxShift = 30 // 34 years: more would overflow
	return Jitter(min(time.Second<<min(n-1, maxShift), limit))
}

// Jitter returns a duration that is up to 10 % shorter or longer than d, so that processes that
// started together do not keep in step.
func Jitter(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()-0.5)*0.2*float64(d))
}
