package main

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
)

const (
	// clients send at once, for throughput.
	clients = 16
	// loadFor is how long they send.
	loadFor = 4 * time.Second
	// warm and measured are requests of the one client, for latency. Each ReplicaSet has had two
	// pods after the first ones, and a webhook can know them.
	warm, measured = 2*replicaSets + 100, 4000
)

// loadFigures are of all requests of a load.
type loadFigures struct {
	took      time.Duration // the median, at one client
	perSecond float64
	// cpu and ownCPU are what the webhook and this process needed per request.
	cpu, ownCPU time.Duration
}

// one measures the median at one client, after it has warmed up.
func (h *hook) one(ctx context.Context, p pods) (f loadFigures, err error) {
	c, err := h.node.Connect(ctx, h.config)
	if err != nil {
		return f, err
	}
	defer c.Close()
	s := newSender(0, p)
	var all []time.Duration
	send := func(requests int) (int64, error) {
		all = make([]time.Duration, requests)
		for i := range all {
			if all[i], err = c.Admit(s.next(h.reviews[i%len(h.reviews)])); err != nil {
				return 0, err
			}
		}
		return int64(requests), nil
	}
	if _, err := send(warm); err != nil {
		return f, err
	}
	f, err = h.measure(func() (int64, error) { return send(measured) })
	f.took = middle(all)
	return f, err
}

// many measures how many requests the clients get answered.
func (h *hook) many(ctx context.Context, p pods) (f loadFigures, err error) {
	return h.measure(func() (int64, error) { return h.load(ctx, p, time.Now().Add(loadFor)) })
}

// measure measures a load, which returns the number of its requests.
func (h *hook) measure(load func() (int64, error)) (f loadFigures, err error) {
	before, err := h.process.CPU()
	if err != nil {
		return f, err
	}
	ownBefore, begin := rig.OwnCPU(), time.Now()
	answered, err := load()
	if err != nil {
		return f, err
	}
	took, own := time.Since(begin), rig.OwnCPU()-ownBefore
	after, err := h.process.CPU()
	if err != nil {
		return f, err
	}
	f.perSecond = float64(answered) / took.Seconds()
	f.cpu, f.ownCPU = (after-before)/time.Duration(answered), own/time.Duration(answered)
	return f, nil
}

// load sends with all clients until the given time and returns how many requests were answered.
func (h *hook) load(ctx context.Context, p pods, until time.Time) (int64, error) {
	group, ctx := errgroup.WithContext(ctx)
	var answered atomic.Int64
	for i := range clients {
		group.Go(func() error {
			c, err := h.node.Connect(ctx, h.config)
			if err != nil {
				return err
			}
			defer c.Close()
			s := newSender(1+i, p)
			for k := i; time.Now().Before(until) && ctx.Err() == nil; k++ {
				if _, err := c.Admit(s.next(h.reviews[k%len(h.reviews)])); err != nil {
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
