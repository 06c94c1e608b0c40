package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract/buildinfo"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/admission"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/annotations"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/kube"
)

// mutatePath is the path to which the MutatingWebhookConfiguration sends pods.
const mutatePath = "/mutate-v1-pod"

// replica holds what the parts of this process share.
type replica struct {
	options *options
	log     *slog.Logger
	api     *kube.Client
	metrics *prometheus.Registry
	ready   *readiness
	reads   *annotations.Limiter
}

// run serves until ctx ends, and then drains. The error is why the process cannot continue.
func run(ctx context.Context, o *options, log *slog.Logger) error {
	tuneMemory()
	api, err := kube.Connect(o.kubeconfig, "azure-cert-sync-webhook/"+buildinfo.Get().Version)
	if err != nil {
		return fmt.Errorf("connecting to the API server: %w", err)
	}
	r := &replica{
		options: o, log: log, api: api, metrics: prometheus.NewRegistry(), ready: newReadiness(log), reads: annotations.NewLimiter(),
	}
	r.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), buildMetric())

	// The replica still responds to admissions while it drains.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	servers := []func(context.Context) error{
		r.serveWebhook(serving),
		func(ctx context.Context) error { return serveHTTP(ctx, o.healthAddress, healthHandler(r.ready)) },
		func(ctx context.Context) error { return serveHTTP(ctx, o.metricsAddress, metricsHandler(r.metrics)) },
	}
	done := make(chan error, len(servers))
	for _, serve := range servers {
		go func() { done <- serve(serving) }()
	}
	go r.ready.watch(serving)
	select {
	case err := <-done: // a server that returns before stop could not start
		return err
	case <-ctx.Done():
	}
	log.Info("webhook draining", "duration", o.drain.String())
	r.ready.drain()
	time.Sleep(o.drain)
	stop()
	var errs []error
	for range servers {
		errs = append(errs, <-done)
	}
	return errors.Join(errs...)
}

// serveWebhook returns the function that serves admissions, as soon as there is a certificate,
// until its context ends. The warm-up is the last readiness condition.
func (r *replica) serveWebhook(ctx context.Context) func(context.Context) error {
	certificate := r.servingCertificate(ctx)
	config := &tls.Config{
		GetCertificate: certificate.GetCertificate,
		// The API server uses HTTP/1.1 for webhooks, so that replicas share the load.
		NextProtos: []string{"http/1.1"},
		// A response is one record, written at once. Otherwise the first responses of a connection
		// are written in pieces of 1 KiB.
		DynamicRecordSizingDisabled: true,
		// The API server's client does not resume sessions.
		SessionTicketsDisabled: true,
	}
	r.options.requireClientCertificate(config)
	handler := admission.NewHandler(r.admissionConfig(ctx), r.log, r.metrics)
	mux := http.NewServeMux()
	mux.Handle(mutatePath, r.ready.closeWhileDraining(handler))
	r.ready.requireLast(func() error {
		// The first lists are garbage now, and there will never be as much garbage again. Free it
		// before the warm-up: later, that would undo the warm-up and slow down the first admission.
		debug.FreeOSMemory()
		handler.WarmUp(ctx)
		return selfRequest(ctx, r.options.port)
	})
	return func(ctx context.Context) error {
		// A client that connects earlier would fail in the TLS handshake.
		select {
		case <-certificate.Available():
		case <-ctx.Done():
			return nil
		}
		return serveTLS(ctx, fmt.Sprintf(":%d", r.options.port), config, mux)
	}
}

// requireClientCertificate sets the CAs of --client-ca-file, if the flag is given.
func (o *options) requireClientCertificate(c *tls.Config) {
	if o.clientCA == "" {
		return
	}
	c.ClientAuth = tls.RequireAndVerifyClientCert
	c.ClientCAs = x509.NewCertPool()
	c.ClientCAs.AppendCertsFromPEM([]byte(o.clientCA)) // it was checked with the flag
}
