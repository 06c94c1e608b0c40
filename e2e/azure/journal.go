package azure

import (
	"context"
	"strings"
	"sync"
)

// maxJournal limits the size of the request log. Older requests are dropped.
const maxJournal = 500_000

// journal is the request log.
type journal struct {
	mu       sync.Mutex
	seq      int
	requests []Request
	grown    chan struct{} // closed and replaced when a request is added
}

func newJournal() *journal { return &journal{grown: make(chan struct{})} }

func (j *journal) add(r Request) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.seq++
	r.Seq = j.seq
	if len(j.requests) >= maxJournal {
		j.requests = append([]Request(nil), j.requests[maxJournal/2:]...)
	}
	j.requests = append(j.requests, r)
	close(j.grown)
	j.grown = make(chan struct{})
}

// find returns the requests that match, and a channel that is closed when a request is added.
func (j *journal) find(f Filter) ([]Request, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var found []Request
	for _, r := range j.requests {
		if f.matches(r) {
			found = append(found, r)
		}
	}
	return found, j.grown
}

func (j *journal) forget() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.requests = nil
}

func (f Filter) matches(r Request) bool {
	return r.Seq > f.After &&
		(f.Service == "" || f.Service == r.Service) &&
		(f.Operation == "" || f.Operation == r.Operation) &&
		(f.Host == "" || strings.EqualFold(f.Host, r.Host)) &&
		strings.HasPrefix(r.Path, f.PathPrefix) &&
		(f.Status == 0 || f.Status == r.Status) &&
		(f.ClientID == "" || strings.EqualFold(f.ClientID, r.ClientID))
}

// Requests implements [Control].
func (e *Emulator) Requests(_ context.Context, f Filter) ([]Request, error) {
	found, _ := e.journal.find(f)
	return found, nil
}

// Await implements [Control].
func (e *Emulator) Await(ctx context.Context, f Filter, n int) ([]Request, error) {
	for {
		found, grown := e.journal.find(f)
		if len(found) >= n {
			return found, nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return found, ctx.Err()
		}
	}
}

// ForgetRequests implements [Control].
func (e *Emulator) ForgetRequests(context.Context) error {
	e.journal.forget()
	return nil
}

// Counts implements [Control].
func (e *Emulator) Counts(_ context.Context, f Filter) (Counts, error) {
	found, _ := e.journal.find(f)
	c := Counts{Requests: len(found)}
	for _, r := range found {
		switch {
		case r.Challenge:
			c.Challenges++
		case r.Operation == OpToken:
			c.Tokens++
		case r.Operation == OpOpenIDDiscovery:
			c.OpenIDDiscovery++
		case r.Operation == OpInstanceDiscovery:
			c.InstanceDiscovery++
		case r.Operation == OpGetSecret:
			c.SecretGets++
		}
	}
	return c, nil
}
