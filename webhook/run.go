package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/admission"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/kube"
)

// mutatePath is the path in the MutatingWebhookConfiguration.
const mutatePath = "/mutate-v1-pod"

// replica holds what the parts of the process share.
type replica struct {
	options *options
	log     *slog.Logger
	api     *kube.Client
	metrics *prometheus.Registry
	ready   *readiness
}

// run serves until the context ends, and then drains. The error says why it failed.
func run(ctx context.Context, o *options, log *slog.Logger) error {
	tuneMemory()
	api, err := kube.Connect(o.kubeconfig, "azure-cert-sync-webhook/"+version)
	if err != nil {
		return fmt.Errorf("connecting to the API server: %w", err)
	}
	r := &replica{options: o, log: log, api: api, metrics: prometheus.NewRegistry(), ready: newReadiness(log)}
	r.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	// Admissions are served while the replica drains.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	getCertificate := r.certificate(serving)
	handler := admission.NewHandler(r.admissionConfig(serving), log, r.metrics)
	server := webhook.NewServer(webhook.Options{Port: o.port, TLSOpts: []func(*tls.Config){func(c *tls.Config) {
		c.GetCertificate = getCertificate
		// With HTTP/1.1, the API server opens several connections, so that replicas share the load.
		c.NextProtos = []string{"http/1.1"}
	}}})
	server.Register(mutatePath, r.ready.closeWhileDraining(handler))
	r.ready.finally(func() error {
		// The first lists are garbage now, the most that there ever is. This comes before the
		// warm-up, since it would undo it and slow down the first admission.
		debug.FreeOSMemory()
		handler.WarmUp(serving)
		return selfRequest(serving, o.port)
	})

	servers := []func(context.Context) error{
		server.Start,
		func(ctx context.Context) error { return serveHTTP(ctx, o.healthAddress, r.ready.handler()) },
		func(ctx context.Context) error { return serveHTTP(ctx, o.metricsAddress, metricsHandler(r.metrics)) },
	}
	done := make(chan error, len(servers))
	for _, serve := range servers {
		go func() { done <- serve(serving) }()
	}
	go r.ready.watch(serving)
	select {
	case err := <-done: // a server only returns here if it failed to start
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
