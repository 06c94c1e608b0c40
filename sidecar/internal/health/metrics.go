package health

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract/buildinfo"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
)

// Metrics are the metrics of one sidecar. Labels never contain a version, a namespace or an error
// text, so the number of series depends only on the number of certificates.
type Metrics struct {
	requests  *family
	durations *histogram
	syncs     *family
	retries   *family
	changes   *family
	ready     *family
	reloads   *family
	logDrops  *family
	failures  *family
	state     *family
	refused   *family
	interval  *family
	build     *family
	process   processMetrics

	notAfter    *family
	notBefore   *family
	lastSuccess *family
	failing     *family
}

// Labels of the metrics of a certificate.
var (
	certificateLabels = []string{"vault", "certificate"}
	failingLabels     = append(slices.Clone(certificateLabels), "reason")
)

// NewMetrics returns metrics in which all counters are zero.
func NewMetrics() *Metrics {
	m := &Metrics{
		requests: newFamily("counter", "certsync_requests_total",
			"Requests to Azure, by service (keyvault, entra, metadata) and class of the status code (none: no response).", "service", "code_class"),
		durations: &histogram{name: "certsync_request_duration_seconds", help: "Duration of requests to Azure, by service.", label: "service",
			bounds: []float64{.025, .05, .1, .25, .5, 1, 2.5, 5, 15}},
		syncs:    newFamily("counter", "certsync_syncs_total", "Polls, and attempts between them. In one with the result error, at least one certificate failed.", "result"),
		retries:  newFamily("counter", "certsync_retries_total", "Attempts between polls to fetch again what had failed."),
		changes:  newFamily("counter", "certsync_store_changes_total", "Swaps of a store's files."),
		reloads:  newFamily("counter", "certsync_reloads_total", "Attempts to notify the app of a renewal.", "result"),
		logDrops: newFamily("counter", "certsync_log_records_dropped_total", "Log records that the endpoint of loggingSettings did not get."),
		ready:    newFamily("gauge", "certsync_ready", "1 once /readyz responds with 200."),
		failures: newFamily("counter", "certsync_failures_total", "Fetches and writes of certificates that failed, by reason.", "reason"),
		state:    newFamily("gauge", "certsync_state", "1 for the current state of the sync loop, 0 for the others.", "state"),
		refused:  newFamily("gauge", "certsync_settings_refused", "1 while an edit of the settings is refused."),
		interval: newFamily("gauge", "certsync_polling_interval_seconds", "The interval between polls, without jitter."),
		build:    newFamily("gauge", "certsync_build_info", "1, with the program and its version, to compare those of all programs.", "program", "version"),
		process:  newProcessMetrics(),

		notAfter: newFamily("gauge", "certsync_certificate_not_after_timestamp_seconds",
			"When the certificate in the store expires.", certificateLabels...),
		notBefore: newFamily("gauge", "certsync_certificate_not_before_timestamp_seconds",
			"When the certificate in the store becomes valid.", certificateLabels...),
		lastSuccess: newFamily("gauge", "certsync_last_success_timestamp_seconds",
			"When the store last matched the vault.", certificateLabels...),
		failing: newFamily("gauge", "certsync_certificate_failing",
			"1 while the last fetch or write of the certificate has failed, by reason. Absent otherwise.", failingLabels...),
	}
	m.build.set(1, "sidecar", buildinfo.Get().Version)
	// A rate in Prometheus needs a first sample of zero.
	m.syncs.add(0, string(certsync.Success))
	m.syncs.add(0, string(certsync.Error))
	m.reloads.add(0, string(certsync.Success))
	m.reloads.add(0, string(certsync.Error))
	m.logDrops.add(0)
	m.retries.add(0)
	m.changes.add(0)
	m.ready.add(0)
	m.refused.set(0)
	m.setState(certsync.Transitioning)
	for _, reason := range contract.FailureReasons() {
		m.failures.add(0, reason)
	}
	return m
}

// Observe counts a request. It is an azhttp.Observe function.
func (m *Metrics) Observe(service string, status int, took time.Duration) {
	class := "none"
	if status > 0 {
		class = strconv.Itoa(status/100) + "xx"
	}
	m.requests.add(1, service, class)
	m.durations.observe(took.Seconds(), service)
}

// LogDropped counts a log record that was not delivered to the log endpoint.
func (m *Metrics) LogDropped() { m.logDrops.add(1) }

// ServeHTTP writes all metrics in Prometheus' text format.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", contentType)
	for _, metric := range m.all() {
		metric.write(w)
	}
}

// all returns all metrics in the order in which they are written.
func (m *Metrics) all() []metric {
	list := []metric{
		m.notAfter, m.notBefore, m.lastSuccess, m.failing, m.ready, m.state, m.refused, m.interval, m.syncs, m.failures, m.retries,
		m.changes, m.reloads, m.logDrops, m.requests, m.durations, m.build,
	}
	for _, f := range m.process.families() {
		list = append(list, f)
	}
	return list
}

// Describe returns the descriptions of all metrics, for docs/reference.md.
func (m *Metrics) Describe() (list []Description) {
	for _, metric := range m.all() {
		list = append(list, metric.describe())
	}
	return list
}

func (m *Metrics) report(r certsync.Report) {
	m.notAfter.replace(earliest(r.Certificates, func(s certsync.Status) time.Time { return s.Installed.Leaf.NotAfter }))
	m.notBefore.replace(earliest(r.Certificates, func(s certsync.Status) time.Time { return s.Installed.Leaf.NotBefore }))
	m.lastSuccess.replace(earliest(r.Certificates, func(s certsync.Status) time.Time { return s.LastSuccess }))
	m.failing.replace(failing(r.Certificates))
	m.changes.add(float64(r.Changed))
	m.ready.set(oneIf(r.Ready))
	m.setState(r.State)
	if r.Interval > 0 {
		m.interval.set(r.Interval.Seconds())
	}
	for _, reason := range r.Failures {
		m.failures.add(1, reason)
	}
	if r.Retry {
		m.retries.add(1)
	}
	if r.Synced {
		m.syncs.add(1, string(result(r.Certificates)))
	}
}

func (m *Metrics) setState(current certsync.State) {
	for _, s := range []certsync.State{certsync.Transitioning, certsync.Success, certsync.Error} {
		m.state.set(oneIf(s == current), string(s))
	}
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// failing returns one series for each certificate and reason. A certificate that does not fail has
// no series.
func failing(list []certsync.Status) map[string]float64 {
	series := map[string]float64{}
	for _, s := range list {
		if s.Err != nil {
			labels := []string{s.Certificate.VaultName, s.Certificate.Name, s.FailureReason()}
			series[formatLabels(failingLabels, labels)] = 1
		}
	}
	return series
}

func result(list []certsync.Status) certsync.State {
	for _, s := range list {
		if s.Err != nil {
			return certsync.Error
		}
	}
	return certsync.Success
}

// earliest returns one series for each certificate for which get returns a time. Two entries of the
// same certificate (in two stores, or two versions) share a series with the earlier time, since
// that one needs attention first.
func earliest(list []certsync.Status, get func(certsync.Status) time.Time) map[string]float64 {
	series := map[string]float64{}
	for _, s := range list {
		t := get(s)
		if t.IsZero() {
			continue
		}
		labels := formatLabels(certificateLabels, []string{s.Certificate.VaultName, s.Certificate.Name})
		if old, ok := series[labels]; !ok || float64(t.Unix()) < old {
			series[labels] = float64(t.Unix())
		}
	}
	return series
}
