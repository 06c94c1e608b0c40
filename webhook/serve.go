package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract/buildinfo"
)

// healthHandler serves /healthz and /readyz.
func healthHandler(r *readiness) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := r.err(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	return mux
}

func metricsHandler(g prometheus.Gatherer) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(g, promhttp.HandlerOpts{}))
	return mux
}

// buildMetric has the labels of the sidecar's metric of this name, so that their versions can be
// compared.
func buildMetric() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "certsync_build_info",
		Help:        "1, with the build of the program.",
		ConstLabels: prometheus.Labels{"program": "webhook", "version": buildinfo.Get().Version},
	}, func() float64 { return 1 })
}

// Limits for connections, which need no authentication.
const (
	// maxConnections bounds the open connections of one port, of which an idle one costs 20 KiB.
	// Further ones wait until one is closed; silent ones are after headerTimeout.
	maxConnections = 3500
	// maxHeader bounds the headers of a request, in bytes.
	maxHeader = 16 << 10
	// headerTimeout is how long a client may take for the TLS handshake and the headers.
	headerTimeout = 3 * time.Second
	// exchangeTimeout is how long a client of health or metrics may take to send its request or to
	// read the response.
	exchangeTimeout = 10 * time.Second
	// idleTimeout is longer than the 90 s after which the API server closes a connection that it
	// does not use. If this side closed it, the API server could send a pod at that moment, and
	// would refuse the pod: it does not repeat a request on a connection that was closed.
	idleTimeout = 2 * time.Minute
	// shutdownTimeout is more than an admission takes.
	shutdownTimeout = 35 * time.Second
)

// serveTLS serves with TLS until ctx ends, and then finishes the requests in progress. The handler
// sets the deadlines for bodies and responses.
func serveTLS(ctx context.Context, address string, config *tls.Config, h http.Handler) error {
	s := &http.Server{
		Handler: h, TLSConfig: config, ErrorLog: newErrorLog(slog.Default()),
		MaxHeaderBytes: maxHeader, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout,
	}
	finished := make(chan error, 1)
	go func() {
		<-ctx.Done()
		timeout, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		finished <- s.Shutdown(timeout)
	}()
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("serving on %s: %w", address, err)
	}
	if err := s.ServeTLS(netutil.LimitListener(l, maxConnections), "", ""); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving on %s: %w", address, err)
	}
	return <-finished
}

// serveHTTP serves without TLS until ctx ends.
func serveHTTP(ctx context.Context, address string, h http.Handler) error {
	s := &http.Server{
		Addr: address, Handler: h,
		MaxHeaderBytes: maxHeader, ReadTimeout: exchangeTimeout, WriteTimeout: exchangeTimeout, IdleTimeout: idleTimeout,
	}
	go func() {
		<-ctx.Done()
		// Probes and scrapes need no graceful shutdown.
		_ = s.Close()
	}()
	if err := s.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving on %s: %w", address, err)
	}
	return nil
}
