package certsync_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// herdVault throttles as Key Vault does: it admits a number of requests in each window, and refuses
// the others without a Retry-After. A window begins with the first request after the previous
// window.
//
// It decides about all requests of one moment together, in an order that depends only on the seed:
// the order in which goroutines run would make each simulation another one.
type herdVault struct {
	mu     sync.Mutex
	began  time.Time
	outage time.Time
	random *rand.Rand
	last   *herdBatch // of the latest moment with requests
	full   int        // requests that a window admits
	left   int
	until  time.Time

	bins         []herdBin
	readyAt      []time.Time // by pod; zero: not ready
	certificates map[herdKey]*herdCertificate
}

type herdKey struct {
	pod  int
	name string
}

// herdCertificate is what the vault knows of one certificate of one pod.
type herdCertificate struct {
	success time.Time // the last one
	// missed: a request failed in the outage. fresh is the first success after it.
	missed bool
	fresh  time.Time
	// steadyGap is the longest time between two successes before the outage, outageGap the one that
	// the outage caused.
	steadyGap, outageGap time.Duration
}

// herdBin counts the requests of ten seconds.
type herdBin struct {
	Served    int `json:"served"`
	Throttled int `json:"throttled"`
	Failed    int `json:"failed"`
}

func (b herdBin) requests() int { return b.Served + b.Throttled + b.Failed }

type herdRequest struct {
	herdKey
	batch *herdBatch
	err   error
}

// herdBatch is the requests of one moment.
type herdBatch struct {
	at       time.Time
	requests []*herdRequest
	decided  bool
}

func newHerdVault(pods int, outageAt time.Duration, seed uint64) *herdVault {
	now := time.Now()
	return &herdVault{
		began: now, outage: now.Add(outageAt), random: rand.New(rand.NewPCG(seed, 1<<63)),
		full: int(float64(pods) * share), readyAt: make([]time.Time, pods), certificates: map[herdKey]*herdCertificate{},
	}
}

func (v *herdVault) ready(pod int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.readyAt[pod].IsZero() {
		v.readyAt[pod] = time.Now()
	}
}

func (v *herdVault) request(pod int, name string) *herdRequest {
	v.mu.Lock()
	defer v.mu.Unlock()
	if now := time.Now(); v.last == nil || !v.last.at.Equal(now) {
		v.last = &herdBatch{at: now}
	}
	r := &herdRequest{herdKey: herdKey{pod, name}, batch: v.last}
	v.last.requests = append(v.last.requests, r)
	return r
}

// response returns nil, or why the vault refuses the request. Time has passed since the request, so
// that its batch is complete and all earlier ones are decided.
func (v *herdVault) response(r *herdRequest) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !r.batch.decided {
		v.decide(r.batch)
	}
	return r.err
}

func (v *herdVault) decide(b *herdBatch) {
	b.decided = true
	slices.SortFunc(b.requests, func(x, y *herdRequest) int {
		return cmp.Or(cmp.Compare(x.pod, y.pod), cmp.Compare(x.name, y.name))
	})
	v.random.Shuffle(len(b.requests), func(i, j int) { b.requests[i], b.requests[j] = b.requests[j], b.requests[i] })
	n := int(b.at.Sub(v.began) / window)
	for len(v.bins) <= n {
		v.bins = append(v.bins, herdBin{})
	}
	bin := &v.bins[n]
	for _, r := range b.requests {
		switch {
		case !b.at.Before(v.outage) && b.at.Before(v.outage.Add(outage)):
			r.err = errNetwork
			bin.Failed++
			v.certificate(r.herdKey).missed = true
		case !v.admit(b.at):
			r.err = throttledError{}
			bin.Throttled++
		default:
			bin.Served++
			v.succeed(r.herdKey, b.at)
		}
	}
}

func (v *herdVault) admit(at time.Time) bool {
	if !at.Before(v.until) {
		v.until, v.left = at.Add(window), v.full
	}
	v.left--
	return v.left >= 0
}

func (v *herdVault) certificate(key herdKey) *herdCertificate {
	c := v.certificates[key]
	if c == nil {
		c = &herdCertificate{}
		v.certificates[key] = c
	}
	return c
}

func (v *herdVault) succeed(key herdKey, at time.Time) {
	c := v.certificate(key)
	gap := at.Sub(c.success)
	if c.success.IsZero() {
		gap = 0
	}
	c.success = at
	switch {
	case at.Before(v.outage):
		c.steadyGap = max(c.steadyGap, gap)
	case c.missed && c.fresh.IsZero():
		c.fresh, c.outageGap = at, gap
	}
}
