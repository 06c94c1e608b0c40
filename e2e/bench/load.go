package main

import (
	"context"
	"crypto/tls"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
)

const (
	// clients send at once, for throughput.
	clients = 16
	// loadFor is how long they send.
	loadFor = 10 * time.Second
)

// throughputFigures are of all clients together.
type throughputFigures struct {
	perSecond float64
	// cpu and ownCPU are what the webhook and this process needed per request.
	cpu, ownCPU time.Duration
}

// throughput measures how many requests the clients get answered.
func (h *hook) throughput(ctx context.Context, s *startFigures) (f throughputFigures, err error) {
	before, err := s.last.CPU()
	if err != nil {
		return f, err
	}
	ownBefore, begin := rig.OwnCPU(), time.Now()
	answered, err := h.load(ctx, s.config, begin.Add(loadFor))
	if err != nil {
		return f, err
	}
	took, own := time.Since(begin), rig.OwnCPU()-ownBefore
	after, err := s.last.CPU()
	if err != nil {
		return f, err
	}
	f.perSecond = float64(answered) / took.Seconds()
	f.cpu, f.ownCPU = (after-before)/time.Duration(answered), own/time.Duration(answered)
	return f, nil
}

// load sends with all clients until the given time and returns how many requests were answered.
func (h *hook) load(ctx context.Context, config *tls.Config, until time.Time) (int64, error) {
	group, ctx := errgroup.WithContext(ctx)
	var answered atomic.Int64
	for i := range clients {
		group.Go(func() error {
			c, err := h.node.Connect(ctx, config)
			if err != nil {
				return err
			}
			defer c.Close()
			for k := i; time.Now().Before(until) && ctx.Err() == nil; k++ {
				if _, err := c.Admit(h.requests[k%len(h.requests)]); err != nil {
					return err
				}
				answered.Add(1)
			}
			return ctx.Err()
		})
	}
	err := group.Wait()
	return answered.Load(), err
}
