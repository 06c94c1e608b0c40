package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// warm and measured are the numbers of requests of the single client that measures latency.
	warm, measured = 500, 5000
	// settle is how long a process gets after its start to release memory.
	settle = 2 * time.Second
	// targetMedian is the target with one client. The target of the first request is derived from
	// it.
	targetMedian = 250 * time.Microsecond
)

// webhook measures the webhook against a real API server.
func (b *bench) webhook(ctx context.Context) error {
	program, err := b.build(ctx, "webhook")
	if err != nil {
		return err
	}
	n, err := startNode(ctx)
	defer n.stop(ctx)
	if err != nil {
		return err
	}
	b.progress("made %d service accounts", accounts)
	requests := make([][]byte, 1000)
	for i := range requests {
		if requests[i], err = request(i * (accounts / len(requests))); err != nil {
			return err
		}
	}
	h := &webhookRunner{node: n, program: program, requests: requests}
	return b.admissions(ctx, h)
}

// admissions measures several starts, and then the last started process under load.
func (b *bench) admissions(ctx context.Context, h *webhookRunner) error {
	throttled, err := h.throttledStart(ctx)
	if err != nil {
		return err
	}
	s, err := h.starts(ctx)
	if err != nil {
		return err
	}
	defer s.last.stop()
	if err := pause(ctx, settle); err != nil {
		return err
	}
	fresh, _, err := s.last.memory()
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
	now, peak, err := s.last.memory()
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

// webhookRunner starts webhooks and sends requests to them.
type webhookRunner struct {
	node     *node
	program  string
	requests [][]byte
}

// startFigures are the medians of several starts.
type startFigures struct {
	ready, worst, handshake, first time.Duration
	last                           *process // still running
	config                         *tls.Config
}

// starts starts the webhook several times without a certificate, and sends a first request each
// time.
func (h *webhookRunner) starts(ctx context.Context) (f startFigures, err error) {
	var ready, handshake, first []time.Duration
	for i := range starts {
		var took time.Duration
		if f.last, took, err = h.start(ctx, ""); err != nil {
			return f, err
		}
		ready = append(ready, took)
		if f.config, err = h.trust(ctx); err == nil {
			err = h.first(ctx, f.config, &handshake, &first)
		}
		if err != nil || i < starts-1 {
			f.last.stop()
		}
		if err != nil {
			return f, err
		}
	}
	f.ready, f.worst, f.handshake, f.first = medianOf(ready), slices.Max(ready), medianOf(handshake), medianOf(first)
	return f, nil
}

// throttledStart starts the webhook with a tenth of a CPU.
func (h *webhookRunner) throttledStart(ctx context.Context) (time.Duration, error) {
	file, err := h.node.quotaFile(100)
	if err != nil {
		return 0, err
	}
	p, took, err := h.start(ctx, file)
	if err == nil {
		p.stop()
	}
	return took, err
}

// start starts the webhook and returns how long it took until it was ready. The webhook creates a
// new certificate and publishes its CA.
func (h *webhookRunner) start(ctx context.Context, quotaFile string) (*process, time.Duration, error) {
	err := h.node.client.CoreV1().Secrets(systemNamespace).Delete(ctx, webhookSecret, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, 0, err
	}
	cmd := h.node.command(ctx, quotaFile, h.program, "--kubeconfig", h.node.Kubeconfig(), "--namespace", systemNamespace,
		"--tenant-id", tenantID, "--sidecar-image", "registry.example.com/certsync:1", "--drain=0s")
	begin := time.Now()
	p, err := launch(cmd, startTied)
	if err != nil {
		return nil, 0, err
	}
	probe := &http.Client{Transport: &http.Transport{DialContext: h.node.Dial}, Timeout: 5 * time.Second}
	defer probe.CloseIdleConnections()
	why := "no answer"
	for time.Since(begin) < readyIn && ctx.Err() == nil {
		if resp, err := probe.Get("http://127.0.0.1:9440/readyz"); err == nil {
			text, _ := io.ReadAll(resp.Body) // only for the error message
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return p, time.Since(begin), nil
			}
			why = string(text)
		}
		if err := p.ended(); err != nil {
			return nil, 0, err
		}
		time.Sleep(5 * time.Millisecond)
	}
	p.stop()
	return nil, 0, errors.Join(ctx.Err(), fmt.Errorf("the webhook is not ready after %s: %s: %s", time.Since(begin), why, &p.log))
}

// trust returns the TLS configuration with which the API server verifies the webhook.
func (h *webhookRunner) trust(ctx context.Context) (*tls.Config, error) {
	c, err := h.node.client.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(ctx, webhookName, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(c.Webhooks[0].ClientConfig.CABundle)
	return &tls.Config{RootCAs: pool, ServerName: webhookName + "." + systemNamespace + ".svc", NextProtos: []string{"http/1.1"}}, nil
}

// first measures the handshake and the first request of a connection.
func (h *webhookRunner) first(ctx context.Context, config *tls.Config, handshake, first *[]time.Duration) error {
	begin := time.Now()
	c, err := h.node.connect(ctx, config)
	if err != nil {
		return err
	}
	defer c.Close()
	*handshake = append(*handshake, time.Since(begin))
	took, err := c.admit(h.requests[0])
	*first = append(*first, took)
	return err
}

// laterFirst measures the first request of a connection to a process that has served other requests
// before: the part of the first request's time that is due to the connection, not to the start.
func (h *webhookRunner) laterFirst(ctx context.Context, config *tls.Config) (time.Duration, error) {
	var handshake, first []time.Duration
	for range starts {
		if err := h.first(ctx, config, &handshake, &first); err != nil {
			return 0, err
		}
	}
	return medianOf(first), nil
}

// latency returns the median time of a request with one client.
func (h *webhookRunner) latency(ctx context.Context, config *tls.Config) (time.Duration, error) {
	c, err := h.node.connect(ctx, config)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	var all []time.Duration
	for i := range warm + measured {
		took, err := c.admit(h.requests[i%len(h.requests)])
		if err != nil {
			return 0, err
		}
		if i >= warm {
			all = append(all, took)
		}
	}
	return medianOf(all), nil
}

// medianOf returns the median.
func medianOf(all []time.Duration) time.Duration {
	all = slices.Clone(all)
	slices.Sort(all)
	return all[len(all)/2]
}
