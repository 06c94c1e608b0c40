package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
)

// contender is a webhook that is measured.
type contender struct {
	// start starts it and returns after how long it was ready, and how to verify it.
	start  func(context.Context) (*rig.Process, time.Duration, *tls.Config, error)
	rounds []round
}

// round are the figures of one process. Those of loads are by pods.
type round struct {
	ready, handshake, first, later time.Duration
	one, many                      [2]loadFigures
	fresh, memory, peak            int64
}

// medians has medians instead of the figures of one round.
type medians struct {
	round
	worst time.Duration // to be ready
}

// hook is a webhook that runs.
type hook struct {
	node    node
	process *rig.Process
	config  *tls.Config
	reviews []*review
	firsts  *sender // of the first requests of connections
}

// round starts the webhook, measures it and stops it.
func (c *contender) round(ctx context.Context, n node, reviews []*review) (err error) {
	h := &hook{node: n, reviews: reviews, firsts: newSender(clients+1, different)}
	var r round
	if h.process, r.ready, h.config, err = c.start(ctx); err != nil {
		return err
	}
	defer h.process.Stop()
	if r.handshake, r.first, err = h.firstOfConnection(ctx); err != nil {
		return err
	}
	if err := rig.Pause(ctx, settle); err != nil {
		return err
	}
	var memory error
	r.fresh, _, memory = h.process.Memory()
	for _, p := range []pods{different, repeated} {
		if r.one[p], err = h.one(ctx, p); err == nil {
			r.many[p], err = h.many(ctx, p)
		}
		if err != nil {
			return err
		}
	}
	if r.later, err = h.laterFirst(ctx); err != nil {
		return err
	}
	now, peak, err := h.process.Memory()
	r.memory, r.peak = now, peak
	c.rounds = append(c.rounds, r)
	return errors.Join(memory, err)
}

// firstOfConnection measures a handshake and the first request of the connection.
func (h *hook) firstOfConnection(ctx context.Context) (handshake, first time.Duration, err error) {
	begin := time.Now()
	c, err := h.node.Connect(ctx, h.config)
	if err != nil {
		return 0, 0, err
	}
	defer c.Close()
	handshake = time.Since(begin)
	first, err = c.Admit(h.firsts.next(h.reviews[0]))
	return handshake, first, err
}

// laterFirst is how long the first request of a connection takes when the process has long served
// others: what of the first request after a start is the connection's, and not the start's.
func (h *hook) laterFirst(ctx context.Context) (time.Duration, error) {
	var all []time.Duration
	for range 15 {
		_, first, err := h.firstOfConnection(ctx)
		if err != nil {
			return 0, err
		}
		all = append(all, first)
	}
	return middle(all), nil
}

// medians returns the medians of all rounds.
func (c *contender) medians() (m medians) {
	durations := []func(*round) *time.Duration{
		func(r *round) *time.Duration { return &r.ready }, func(r *round) *time.Duration { return &r.handshake },
		func(r *round) *time.Duration { return &r.first }, func(r *round) *time.Duration { return &r.later },
	}
	for p := range m.one {
		for _, load := range []func(*round) *loadFigures{
			func(r *round) *loadFigures { return &r.one[p] }, func(r *round) *loadFigures { return &r.many[p] },
		} {
			durations = append(durations,
				func(r *round) *time.Duration { return &load(r).took },
				func(r *round) *time.Duration { return &load(r).cpu },
				func(r *round) *time.Duration { return &load(r).ownCPU })
			setMiddle(c.rounds, &m.round, func(r *round) *float64 { return &load(r).perSecond })
		}
	}
	for _, of := range durations {
		setMiddle(c.rounds, &m.round, of)
	}
	for _, of := range []func(*round) *int64{
		func(r *round) *int64 { return &r.fresh }, func(r *round) *int64 { return &r.memory }, func(r *round) *int64 { return &r.peak },
	} {
		setMiddle(c.rounds, &m.round, of)
	}
	m.worst = slices.MaxFunc(c.rounds, func(a, b round) int { return cmp.Compare(a.ready, b.ready) }).ready
	return m
}

// setMiddle sets one figure to its median.
func setMiddle[T cmp.Ordered](rounds []round, m *round, of func(*round) *T) {
	all := make([]T, len(rounds))
	for i := range rounds {
		all[i] = *of(&rounds[i])
	}
	*of(m) = middle(all)
}
