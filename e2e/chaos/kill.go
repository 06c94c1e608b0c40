package main

import (
	"context"
	"syscall"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
)

// kills is the fault that is made for the whole duration.
var kills = fault{
	name:   "sidecar-kill",
	holds:  "files whole, key fits, chain complete, never an older version; ready again after each SIGKILL",
	run:    func(ctx context.Context, t *trial) error { return t.killFor(ctx, t.duration) },
	beside: true,
}

// readyAgain bounds the time from a start to readiness on a machine that does much else.
const readyAgain = 20 * time.Second

// killFor kills a sidecar at random moments while all certificates are renewed every second.
func (t *trial) killFor(ctx context.Context, d time.Duration) error {
	w, err := t.newWorld(ctx)
	if err != nil {
		return err
	}
	defer w.End()
	s := t.subject(ctx, w, "")
	defer s.end()
	s.enter(phase{name: "renewals"})
	limited, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	s.group.Go(func() {
		rig.Every(limited, time.Second, func() {
			t.check("renewal", w.renew(ctx))
			t.scanner.scan(ctx)
		})
	})
	for limited.Err() == nil {
		// All random numbers are drawn in any case, so that the sequence depends on the seed only.
		early, moment, later := t.rand.IntN(2) == 0, t.between(0, 120*time.Millisecond), t.between(0, 2*time.Second)
		if err := s.launch(ctx); err != nil {
			return err
		}
		if early { // during the start and the first sync
			s.stare(limited, moment)
		} else {
			t.check("start", s.running().AwaitReady(ctx, readyAgain))
			s.pollFor(limited, later)
		}
		t.check("process", s.running().Ended())
		s.kill()
		t.countFault()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := s.launch(ctx); err != nil {
		return err
	}
	t.check("the last start", s.reaches(ctx, readyAgain))
	return nil
}

// pollFor lets the sidecar poll several times a second, so that a kill often meets a commit.
func (s *subject) pollFor(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	rig.Every(ctx, 90*time.Millisecond, func() {
		_ = s.running().Signal(syscall.SIGHUP)
		s.stare(ctx, 60*time.Millisecond)
	})
}
