package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"os"
	"slices"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
)

const (
	// rounds is how often each webhook is started and measured; the median counts. With a peer, the
	// two take turns, so that both have the same share of what else the machine does.
	rounds = 5
	// settle is what a start gets to give back the memory that it needed.
	settle = 2 * time.Second
	// targetMedian is the target at one client, which the first request's is made of too.
	targetMedian = 250 * time.Microsecond
	// targetPerSecond is the target at 16 clients.
	targetPerSecond = 9000
)

// webhook measures the webhook against a real API server, and the peer if its source is given.
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
	reviews, err := newReviews()
	if err != nil {
		return err
	}
	throttled, err := throttledStart(ctx, n, program)
	if err != nil {
		return err
	}
	contenders := []*contender{{start: func(ctx context.Context) (*rig.Process, time.Duration, *tls.Config, error) {
		return startOurs(ctx, n, program)
	}}}
	if source := os.Getenv("PEER"); source != "" {
		p, err := b.buildPeer(ctx, source)
		if err != nil {
			return err
		}
		contenders = append(contenders, &contender{start: func(ctx context.Context) (*rig.Process, time.Duration, *tls.Config, error) {
			return p.start(ctx, n)
		}})
	}
	for i := range rounds {
		for _, c := range contenders {
			if err := c.round(ctx, n, reviews); err != nil {
				return err
			}
		}
		b.progress("webhook: round %d of %d", i+1, rounds)
	}
	b.admissions(contenders)
	b.note("webhook: start to ready, limited to 100m CPU by a cgroup", "%.2f s", throttled.Seconds())
	return nil
}

// startOurs starts the webhook without a certificate.
func startOurs(ctx context.Context, n node, program string) (*rig.Process, time.Duration, *tls.Config, error) {
	p, took, err := n.StartWebhook(ctx, nil, program)
	if err != nil {
		return nil, 0, nil, err
	}
	config, err := n.Trust(ctx)
	if err != nil {
		p.Stop()
	}
	return p, took, config, err
}

// throttledStart starts the webhook with a tenth of a CPU.
func throttledStart(ctx context.Context, n node, program string) (time.Duration, error) {
	file, err := n.quotaFile(100)
	if err != nil {
		return 0, err
	}
	p, took, err := n.StartWebhook(ctx, join(file), program)
	if err == nil {
		p.Stop()
	}
	return took, err
}

// admissions adds the figures of the first contender, and compares them with those of the second.
func (b *bench) admissions(contenders []*contender) {
	all := make([]medians, len(contenders))
	for i, c := range contenders {
		all[i] = c.medians()
	}
	b.loads(all, repeated, "pods of 1,000 ReplicaSets")
	b.loads(all, different, "a ReplicaSet for each pod")
	b.memory(all)
	b.beginning(all)
}

// loads adds the figures of one kind of pods.
func (b *bench) loads(all []medians, p pods, name string) {
	one, many := all[0].one[p], all[0].many[p]
	b.add("webhook: admission, 1 client: median, "+name, "at most 250 us", one.took <= targetMedian, "%s", micros(one.took.Seconds()))
	b.compare(all, func(m *medians) float64 { return m.one[p].took.Seconds() }, micros)
	b.note("webhook: CPU per admission, 1 client", "%s", micros(one.cpu.Seconds()))
	b.compare(all, func(m *medians) float64 { return m.one[p].cpu.Seconds() }, micros)
	b.add("webhook: admission, 16 clients on the same CPUs, "+name, "at least 9,000/s", many.perSecond >= targetPerSecond,
		"%s", perSecond(many.perSecond))
	if len(all) > 1 {
		peer := all[1].many[p].perSecond
		b.versus(perSecond(peer), many.perSecond/peer)
	}
	b.note("webhook: CPU per admission, 16 clients (of the clients)", "%s (%s)", micros(many.cpu.Seconds()), micros(many.ownCPU.Seconds()))
	b.compare(all, func(m *medians) float64 { return m.many[p].cpu.Seconds() }, micros)
}

// memory adds the figures of the memory.
func (b *bench) memory(all []medians) {
	m := all[0]
	b.add("webhook: RSS with 20,000 service accounts, after all requests", "at most 45 MB", m.memory <= 45e6,
		"%s (before them %s, peak %s)", megabytes(m.memory), megabytes(m.fresh), megabytes(m.peak))
	b.compare(all, func(m *medians) float64 { return float64(m.memory) }, func(n float64) string { return megabytes(int64(n)) })
}

// beginning adds the figures of the start and of the first admissions.
func (b *bench) beginning(all []medians) {
	m := all[0]
	median := m.one[different].took
	b.add("webhook: first admission after start (connection open)", "within 2x of the median", m.first <= 2*median,
		"%s = %.1fx (median of %d starts)", micros(m.first.Seconds()), float64(m.first)/float64(median), rounds)
	b.compare(all, func(m *medians) float64 { return m.first.Seconds() }, micros)
	b.note("webhook: first admission of later connections", "%s = %.1fx", micros(m.later.Seconds()), float64(m.later)/float64(median))
	b.compare(all, func(m *medians) float64 { return m.later.Seconds() }, micros)
	b.note("webhook: TLS handshake before the first admission", "%s", millis(m.handshake))
	b.add("webhook: start to ready from no certificate, no CPU limit (the chart's default)", "at most 2 s", m.ready <= 2*time.Second,
		"%s (median of %d, worst %s)", inSeconds(m.ready.Seconds()), rounds, inSeconds(m.worst.Seconds()))
	// The peer has a certificate then, and lists the service accounts only for its first
	// admission.
	b.compare(all, func(m *medians) float64 { return m.ready.Seconds() }, inSeconds)
}

// compare adds the peer's value and the ratio to the last figure, if there is a peer. Less is
// better.
func (b *bench) compare(all []medians, value func(*medians) float64, format func(float64) string) {
	if len(all) > 1 {
		peer := value(&all[1])
		b.versus(format(peer), peer/value(&all[0]))
	}
}

// middle is the median.
func middle[T cmp.Ordered](all []T) T {
	all = slices.Clone(all)
	slices.Sort(all)
	return all[len(all)/2]
}
