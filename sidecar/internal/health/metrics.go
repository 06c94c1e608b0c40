package health

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
)

// Metrics are those of one sidecar, in a registry of their own. No label is ever made of a version, a
// namespace or an error text: there are as many series as certificates, and a fixed number of others.
type Metrics struct {
	registry    *prometheus.Registry
	requests    *prometheus.CounterVec
	durations   *prometheus.HistogramVec
	syncs       *prometheus.CounterVec
	retries     prometheus.Counter
	generations prometheus.Counter
	ready       prometheus.Gauge
	certs       certificates
}

// NewMetrics returns metrics with nothing counted.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "certsync_requests_total",
			Help: "Requests to Azure, by service and class of the answer's status code (none: no answer).",
		}, []string{"service", "code_class"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "certsync_request_duration_seconds",
			Help:    "Time that requests to Azure took.",
			Buckets: []float64{.025, .05, .1, .25, .5, 1, 2.5, 5, 15},
		}, []string{"service"}),
		syncs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "certsync_syncs_total",
			Help: "Rounds of the sync loop, by result: success, or error if any certificate failed.",
		}, []string{"result"}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "certsync_retries_total",
			Help: "Rounds in which a certificate was fetched again because it had failed.",
		}),
		generations: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "certsync_store_changes_total",
			Help: "Swaps of a store to a new generation of files.",
		}),
		ready: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "certsync_ready",
			Help: "1 once the readiness probe succeeds.",
		}),
	}
	m.registry.MustRegister(m.requests, m.durations, m.syncs, m.retries, m.generations, m.ready, &m.certs)
	for _, result := range []certsync.State{certsync.Success, certsync.Error} {
		m.syncs.WithLabelValues(string(result)) // a rate needs the zero
	}
	return m
}

// Observe counts a request; its parameters are those of azhttp.Observe.
func (m *Metrics) Observe(service string, status int, took time.Duration) {
	class := "none"
	if status > 0 {
		class = strconv.Itoa(status/100) + "xx"
	}
	m.requests.WithLabelValues(service, class).Inc()
	m.durations.WithLabelValues(service).Observe(took.Seconds())
}

// Handler serves the metrics in the formats of Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{DisableCompression: true})
}

func (m *Metrics) report(r certsync.Report) {
	m.certs.set(r.Certificates)
	m.generations.Add(float64(r.Changed))
	if r.Ready {
		m.ready.Set(1)
	}
	if !r.Synced {
		return
	}
	result := certsync.Success
	for _, c := range r.Certificates {
		if c.Err != nil {
			result = certsync.Error
		}
	}
	m.syncs.WithLabelValues(string(result)).Inc()
	if r.Retry {
		m.retries.Inc()
	}
}

// certificates is a prometheus.Collector of the gauges that exist per certificate.
type certificates struct {
	mu   sync.Mutex
	list []certsync.Status
}

var (
	labels      = []string{"vault", "certificate"}
	notAfter    = prometheus.NewDesc("certsync_certificate_not_after_timestamp_seconds", "When the certificate in the store expires.", labels, nil)
	notBefore   = prometheus.NewDesc("certsync_certificate_not_before_timestamp_seconds", "When the certificate in the store begins to be valid.", labels, nil)
	lastSuccess = prometheus.NewDesc("certsync_last_success_timestamp_seconds", "When the certificate was last found to be as in the vault.", labels, nil)
)

func (c *certificates) set(list []certsync.Status) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = list
}

// Describe implements prometheus.Collector.
func (c *certificates) Describe(out chan<- *prometheus.Desc) {
	out <- notAfter
	out <- notBefore
	out <- lastSuccess
}

// Collect implements prometheus.Collector. Two entries of one certificate (in two stores, or two
// versions) are one series, with the earlier time: the one to worry about.
func (c *certificates) Collect(out chan<- prometheus.Metric) {
	c.mu.Lock()
	list := c.list
	c.mu.Unlock()
	type id struct {
		desc               *prometheus.Desc
		vault, certificate string
	}
	earliest := map[id]time.Time{}
	for _, s := range list {
		times := map[*prometheus.Desc]time.Time{
			notAfter: s.Installed.Leaf.NotAfter, notBefore: s.Installed.Leaf.NotBefore, lastSuccess: s.LastSuccess,
		}
		for desc, t := range times {
			k := id{desc, s.Certificate.VaultName, s.Certificate.Name}
			if old, ok := earliest[k]; !t.IsZero() && (!ok || t.Before(old)) {
				earliest[k] = t
			}
		}
	}
	for k, t := range earliest {
		out <- prometheus.MustNewConstMetric(k.desc, prometheus.GaugeValue, float64(t.Unix()), k.vault, k.certificate)
	}
}
