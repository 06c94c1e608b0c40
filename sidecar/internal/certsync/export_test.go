package certsync

import "math/rand/v2"

// Seed makes the random numbers of a loop repeatable.
func (l *Loop[C]) Seed(seed, stream uint64) {
	l.random = rand.New(rand.NewPCG(seed, stream)).Float64
}
