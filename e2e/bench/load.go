package main

import (
	"context"
	"crypto/tls"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// clients is the number of clients that send concurrently, to measure throughput.
	clients = 16
	// loadFor is how long the clients send.
	loadFor = 10 * time.Second
)

// throughputFigures are the figures of all clients together.
type throughputFigures struct {
	perSecond float64
	// cpu and ownCPU are the CPU time per request of the webhook and of this process.
	cpu, ownCPU time.Duration
}

// throughput measures how many requests the webhook answers.
func (h *webhookRunner) throughput(ctx context.Context, s *startFigures) (f throughputFigures, err error) {
	before, err := s.last.cpu()
	if err != nil {
		return f, err
	}
	ownBefore, begin := ownCPU(), time.Now()
	answered, err := h.load(ctx, s.config, begin.Add(loadFor))
	if err != nil {
		return f, err
	}
	took, own := time.Since(begin), ownCPU()-ownBefore
	after, err := s.last.cpu()
	if err != nil {
		return f, err
	}
	f.perSecond = float64(answered) / took.Seconds()
	f.cpu, f.ownCPU = (after-before)/time.Duration(answered), own/time.Duration(answered)
	return f, nil
}

// load sends requests with all clients until the given time, and returns how many were answered.
func (h *webhookRunner) load(ctx context.Context, config *tls.Config, until time.Time) (int64, error) {
	group, ctx := errgroup.WithContext(ctx)
	var answered atomic.Int64
	for i := range clients {
		group.Go(func() error {
			c, err := h.node.connect(ctx, config)
			if err != nil {
				return err
			}
			defer c.Close()
			for k := i; time.Now().Before(until) && ctx.Err() == nil; k++ {
				if _, err := c.admit(h.requests[k%len(h.requests)]); err != nil {
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
