package admission

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// outcome is the result of a request. It is the only label of the metrics.
type outcome string

const (
	injected outcome = "injected" // a patch was sent
	skipped  outcome = "skipped"  // the object was allowed without a patch
	denied   outcome = "denied"   // the pod's owner has to change something
	failed   outcome = "error"    // the request failed for a reason other than the pod
)

var outcomes = []outcome{injected, skipped, denied, failed}

type metrics struct {
	requests map[outcome]prometheus.Counter
	duration prometheus.Histogram
}

func newMetrics(r prometheus.Registerer) *metrics {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "certsync_webhook_requests_total",
		Help: "Admission requests by outcome: injected, skipped, denied, error.",
	}, []string{"outcome"})
	m := &metrics{
		requests: map[outcome]prometheus.Counter{},
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "certsync_webhook_request_duration_seconds",
			Help:    "Time from reading an admission request to its response.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}),
	}
	for _, o := range outcomes {
		m.requests[o] = requests.WithLabelValues(string(o))
	}
	r.MustRegister(requests, m.duration)
	return m
}

func (m *metrics) observe(o outcome, start time.Time) {
	m.requests[o].Inc()
	m.duration.Observe(time.Since(start).Seconds())
}
