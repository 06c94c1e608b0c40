package main

import (
	"context"
	"crypto/tls"
	"slices"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
)

const (
	// warm and measured are requests of the one client, for latency.
	warm, measured = 500, 5000
	// settle is what a start gets to give back the memory that it needed.
	settle = 2 * time.Second
	// targetMedian is the target at one client, which the first request's is made of too.
	targetMedian = 250 * time.Microsecond
)

// webhook measures the webhook against a real API server.
func (b *bench) webhook(ctx context.Context) error {
	program, err := b.build(ctx, "webhook")
	if err != nil {
		return err
	}
	n, err := startNode(ctx)
	defer n.Stop(ctx)
	if err != nil {
		return err
	}
	b.progress("made %d service accounts", accounts)
	const count = 1000
	const step = accounts / count
	requests := make([][]byte, count)
	for i := range requests {
		if requests[i], err = rig.Request(namespaceName(i*step), accountName(i*step)); err != nil {
			return err
		}
	}
	h := &hook{node: n, program: program, requests: requests}
	return b.admissions(ctx, h)
}

// admissions measures starts, and then the last started process under load.
func (b *bench) admissions(ctx context.Context, h *hook) error {
	throttled, err := h.throttledStart(ctx)
	if err != nil {
		return err
	}
	s, err := h.starts(ctx)
	if err != nil {
		return err
	}
	defer s.last.Stop()
	if err := rig.Pause(ctx, settle); err != nil {
		return err
	}
	fresh, _, err := s.last.Memory()
	if err != nil {
		return err
	}
	median, err := h.latency(ctx, s.config)
	if err != nil {
		return err
	}
	later, err := h.laterFirst(ctx, s.config)
	if err != nil {
		return err
	}
	t, err := h.throughput(ctx, &s)
	if err != nil {
		return err
	}
	now, peak, err := s.last.Memory()
	if err != nil {
		return err
	}
	b.add("webhook: admission, 1 client: median", "at most 250 us", median <= targetMedian, "%d us", median.Microseconds())
	b.add("webhook: admission, 16 clients on the same CPUs", "at least 9,000/s", t.perSecond >= 9000, "%.0f/s", t.perSecond)
	b.note("webhook: CPU per admission then (CPU of the client)", "%d us (%d us)", t.cpu.Microseconds(), t.ownCPU.Microseconds())
	b.add("webhook: RSS with 20,000 service accounts, after all requests", "at most 45 MB", now <= 45e6, "%s (before them %s, peak %s)", megabytes(now), megabytes(fresh), megabytes(peak))
	b.add("webhook: first admission after start (connection open)", "within 2x of the median", s.first <= 2*median,
		"%d us = %.1fx (median of %d starts)", s.first.Microseconds(), float64(s.first)/float64(median), starts)
	b.note("webhook: first admission of later connections", "%d us = %.1fx (median of %d)",
		later.Microseconds(), float64(later)/float64(median), starts)
	b.note("webhook: TLS handshake before that", "%s (median of %d starts)", millis(s.handshake), starts)
	b.add("webhook: start to ready from no certificate, no CPU limit (the chart's default)", "at most 2 s", s.ready <= 2*time.Second,
		"%.2f s (median of %d, worst %.2f s)", s.ready.Seconds(), starts, s.worst.Seconds())
	b.note("webhook: start to ready, limited to 100m CPU by a cgroup", "%.2f s", throttled.Seconds())
	return nil
}

// hook starts webhooks and sends to them.
type hook struct {
	node     node
	program  string
	requests [][]byte
}

// startFigures are medians of several starts.
type startFigures struct {
	ready, worst, handshake, first time.Duration
	last                           *rig.Process // runs on
	config                         *tls.Config
}

// starts starts the webhook several times, each time without a certificate, and sends it a first
// request.
func (h *hook) starts(ctx context.Context) (f startFigures, err error) {
	var ready, handshake, first []time.Duration
	for i := range starts {
		var took time.Duration
		if f.last, took, err = h.node.StartWebhook(ctx, nil, h.program); err != nil {
			return f, err
		}
		ready = append(ready, took)
		if f.config, err = h.node.Trust(ctx); err == nil {
			err = h.first(ctx, f.config, &handshake, &first)
		}
		if err != nil || i < starts-1 {
			f.last.Stop()
		}
		if err != nil {
			return f, err
		}
	}
	f.ready, f.worst, f.handshake, f.first = middle(ready), slices.Max(ready), middle(handshake), middle(first)
	return f, nil
}

// throttledStart starts the webhook with a tenth of a CPU.
func (h *hook) throttledStart(ctx context.Context) (time.Duration, error) {
	file, err := h.node.quotaFile(100)
	if err != nil {
		return 0, err
	}
	p, took, err := h.node.StartWebhook(ctx, join(file), h.program)
	if err == nil {
		p.Stop()
	}
	return took, err
}

// first measures a handshake and the first request of the connection.
func (h *hook) first(ctx context.Context, config *tls.Config, handshake, first *[]time.Duration) error {
	begin := time.Now()
	c, err := h.node.Connect(ctx, config)
	if err != nil {
		return err
	}
	defer c.Close()
	*handshake = append(*handshake, time.Since(begin))
	took, err := c.Admit(h.requests[0])
	*first = append(*first, took)
	return err
}

// laterFirst is how long the first request of a connection takes when the process has long served
// others: what of the first request after a start is the connection's, and not the start's.
func (h *hook) laterFirst(ctx context.Context, config *tls.Config) (time.Duration, error) {
	var handshake, first []time.Duration
	for range starts {
		if err := h.first(ctx, config, &handshake, &first); err != nil {
			return 0, err
		}
	}
	return middle(first), nil
}

// latency is the median at one client.
func (h *hook) latency(ctx context.Context, config *tls.Config) (time.Duration, error) {
	c, err := h.node.Connect(ctx, config)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	var all []time.Duration
	for i := range warm + measured {
		took, err := c.Admit(h.requests[i%len(h.requests)])
		if err != nil {
			return 0, err
		}
		if i >= warm {
			all = append(all, took)
		}
	}
	return middle(all), nil
}

// middle is the median.
func middle(all []time.Duration) time.Duration {
	all = slices.Clone(all)
	slices.Sort(all)
	return all[len(all)/2]
}
