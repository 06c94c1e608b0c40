package azure

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// faultSet holds the injected faults in the order of injection.
type faultSet struct {
	mu     sync.Mutex
	faults []*activeFault
}

// activeFault is an injected fault with its state. Nil means that no fault applies.
type activeFault struct {
	Fault
	left    int           // how often it still applies, if Count is set
	cleared chan struct{} // closed when it is cleared
}

func newFaultSet() *faultSet { return &faultSet{} }

// InjectFault implements [Control].
func (e *Emulator) InjectFault(_ context.Context, f Fault) (string, error) {
	if err := e.checkFault(f); err != nil {
		return "", err
	}
	return e.faults.add(f)
}

// ClearFaults implements [Control].
func (e *Emulator) ClearFaults(_ context.Context, ids ...string) error {
	return e.faults.remove(ids)
}

// checkFault refuses fields that would have no effect.
func (e *Emulator) checkFault(f Fault) error {
	var known bool
	for _, svc := range []service{e.entra, e.proxy, e.keyvault} {
		if f.Service == "" || f.Service == svc.name() {
			known = true
			if f.Error != "" && !svc.hasError(f.Error) {
				return fmt.Errorf("%w: fault: %s does not have the error %q", ErrInvalid, svc.name(), f.Error)
			}
		}
	}
	switch {
	case !known:
		return fmt.Errorf("%w: fault: unknown service %q", ErrInvalid, f.Service)
	case f.Error != "" && f.Service == "":
		return fmt.Errorf("%w: fault: error %q needs a service", ErrInvalid, f.Error)
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("%w: fault: status %d (want 200 to 599)", ErrInvalid, f.Status)
	case f.Count < 0:
		return fmt.Errorf("%w: fault: count %d", ErrInvalid, f.Count)
	case f.Close && f.Hang, f.Close && f.Reset, f.Hang && f.Reset:
		return fmt.Errorf("%w: fault: close, hang and reset exclude each other", ErrInvalid)
	}
	return nil
}

func (s *faultSet) add(f Fault) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.ID == "" {
		f.ID = "fault-" + strings.ToLower(rand.Text()[:8])
	}
	if slices.ContainsFunc(s.faults, func(a *activeFault) bool { return a.ID == f.ID }) {
		return "", fmt.Errorf("%w: fault %q already exists", ErrInvalid, f.ID)
	}
	s.faults = append(s.faults, &activeFault{Fault: f, left: f.Count, cleared: make(chan struct{})})
	return f.ID, nil
}

func (s *faultSet) remove(ids []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		if !slices.ContainsFunc(s.faults, func(a *activeFault) bool { return a.ID == id }) {
			return fmt.Errorf("%w: fault %q", ErrNotFound, id)
		}
	}
	s.faults = slices.DeleteFunc(s.faults, func(a *activeFault) bool {
		gone := len(ids) == 0 || slices.Contains(ids, a.ID)
		if gone {
			close(a.cleared)
		}
		return gone
	})
	return nil
}

// match returns the first fault for r that is not used up, and counts the use. A used-up fault
// stays until it is cleared, so that its ID stays valid.
func (s *faultSet) match(r Request) *activeFault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.faults {
		f := Filter{Service: a.Service, Operation: a.Operation, Host: a.Host, PathPrefix: a.PathPrefix}
		r.Seq = 1 // not numbered yet, but Filter requires a number above After
		if !f.matches(r) || a.SkipChallenges && r.Challenge || a.Count > 0 && a.left == 0 {
			continue
		}
		a.left--
		return a
	}
	return nil
}
