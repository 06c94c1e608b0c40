package health

import (
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
)

// Metrics are those of one sidecar. No label is ever made of a version, a namespace or an error text: there
// are as many series as certificates, and a fixed number of others.
type Metrics struct {
	requests  *family
	durations *histogram
	syncs     *family
	retries   *family
	changes   *family
	ready     *family
	reloads   *family
	logDrops  *family

	notAfter    *family
	notBefore   *family
	lastSuccess *family
}

// NewMetrics returns metrics with nothing counted.
func NewMetrics() *Metrics {
	m := &Metrics{
		requests: newFamily("counter", "certsync_requests_total",
			"Requests to Azure, by service and class of the answer's status code (none: no answer).", "service", "code_class"),
		durations: &histogram{name: "certsync_request_duration_seconds", help: "Time that requests to Azure took.", label: "service",
			bounds: []float64{.025, .05, .1, .25, .5, 1, 2.5, 5, 15}},
		syncs:    newFamily("counter", "certsync_syncs_total", "Rounds of the sync loop; error: a certificate failed.", "result"),
		retries:  newFamily("counter", "certsync_retries_total", "Rounds in which a certificate was fetched again because it had failed."),
		changes:  newFamily("counter", "certsync_store_changes_total", "Swaps of a store to a new generation of files."),
		reloads:  newFamily("counter", "certsync_reloads_total", "Attempts to tell other processes of a renewal.", "result"),
		logDrops: newFamily("counter", "certsync_log_records_dropped_total", "Log records that the log endpoint did not take in time."),
		ready:    newFamily("gauge", "certsync_ready", "1 once the readiness probe succeeds."),

		notAfter: newFamily("gauge", "certsync_certificate_not_after_timestamp_seconds",
			"When the certificate in the store expires."),
		notBefore: newFamily("gauge", "certsync_certificate_not_before_timestamp_seconds",
			"When the certificate in the store begins to be valid."),
		lastSuccess: newFamily("gauge", "certsync_last_success_timestamp_seconds",
			"When the certificate was last found to be as in the vault."),
	}
	// A rate needs the zero, too.
	m.syncs.add(0, string(certsync.Success))
	m.syncs.add(0, string(certsync.Error))
	m.reloads.add(0, string(certsync.Success))
	m.reloads.add(0, string(certsync.Error))
	m.logDrops.add(0)
	m.retries.add(0)
	m.changes.add(0)
	m.ready.add(0)
	return m
}

// Observe counts a request; its parameters are those of azhttp.Observe.
func (m *Metrics) Observe(service string, status int, took time.Duration) {
	class := "none"
	if status > 0 {
		class = strconv.Itoa(status/100) + "xx"
	}
	m.requests.add(1, service, class)
	m.durations.observe(took.Seconds(), service)
}

// LogDropped counts a log record that did not get to the log endpoint.
func (m *Metrics) LogDropped() { m.logDrops.add(1) }

// ServeHTTP answers in Prometheus' text format.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", contentType)
	for _, f := range []interface{ write(io.Writer) }{
		m.notAfter, m.notBefore, m.lastSuccess, m.ready, m.syncs, m.retries, m.changes, m.reloads, m.logDrops, m.requests, m.durations,
	} {
		f.write(w)
	}
}

func (m *Metrics) report(r certsync.Report) {
	m.notAfter.replace(earliest(r.Certificates, func(s certsync.Status) time.Time { return s.Installed.Leaf.NotAfter }))
	m.notBefore.replace(earliest(r.Certificates, func(s certsync.Status) time.Time { return s.Installed.Leaf.NotBefore }))
	m.lastSuccess.replace(earliest(r.Certificates, func(s certsync.Status) time.Time { return s.LastSuccess }))
	m.changes.add(float64(r.Changed))
	if r.Ready {
		m.ready.replace(map[string]float64{"": 1})
	}
	if r.Retry {
		m.retries.add(1)
	}
	if r.Synced {
		m.syncs.add(1, string(result(r.Certificates)))
	}
}

func result(list []certsync.Status) certsync.State {
	for _, s := range list {
		if s.Err != nil {
			return certsync.Error
		}
	}
	return certsync.Success
}

// earliest returns a time for each certificate that has it. Two entries of one certificate (in two stores,
// or two versions) are one series, with the earlier time: the one to worry about.
func earliest(list []certsync.Status, of func(certsync.Status) time.Time) map[string]float64 {
	series := map[string]float64{}
	for _, s := range list {
		t := of(s)
		if t.IsZero() {
			continue
		}
		labels := render([]string{"vault", "certificate"}, []string{s.Certificate.VaultName, s.Certificate.Name})
		if old, ok := series[labels]; !ok || float64(t.Unix()) < old {
			series[labels] = float64(t.Unix())
		}
	}
	return series
}
