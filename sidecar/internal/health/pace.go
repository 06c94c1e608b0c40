package health

import (
	"sync"
	"time"
)

// syncInterval is the shortest time between the starts of two polls that callers ask for.
const syncInterval = 10 * time.Second

// Pace returns a function that starts polls by syncNow, at most one in ten seconds, so that a
// caller cannot use up the vault's limit of requests. A call during a poll gets that poll. A call
// too early after it gets the next poll, together with all others. The channel is closed when the
// poll is over.
func Pace(syncNow func() <-chan struct{}) func() <-chan struct{} {
	p := &pacer{syncNow: syncNow}
	return p.sync
}

type pacer struct {
	syncNow func() <-chan struct{}

	mu sync.Mutex
	// next is closed when the poll that runs, or that waits for its time, is over. It is nil if
	// there is no such poll.
	next chan struct{}
	// last is the time when the last poll was started.
	last time.Time
}

func (p *pacer) sync() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == nil {
		p.next = make(chan struct{})
		wait := syncInterval - time.Since(p.last)
		if p.last.IsZero() {
			wait = 0
		}
		time.AfterFunc(wait, p.poll)
	}
	return p.next
}

func (p *pacer) poll() {
	p.mu.Lock()
	p.last = time.Now()
	p.mu.Unlock()
	<-p.syncNow()
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.next)
	p.next = nil
}
