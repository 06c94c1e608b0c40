package health_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/health"
)

// Prometheus' parser reads the metrics.
func TestMetrics(t *testing.T) {
	m := health.NewMetrics()
	s := health.New(m)
	for _, c := range []struct {
		status int
		took   time.Duration
	}{{200, 10 * time.Millisecond}, {200, 25 * time.Millisecond}, {401, time.Second}, {0, time.Hour}} {
		m.Observe("keyvault", c.status, c.took)
	}
	m.Observe("entra", 200, time.Second)
	s.Report(certsync.Report{State: certsync.Transitioning})
	r := report()
	r.Retry = true
	s.Report(r)
	_, body := send(s.Handler(synced), "GET", contract.PathMetrics, kubelet)
	golden(t, "testdata/metrics.golden", body)

	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	check(t, err)
	histogram := families["certsync_request_duration_seconds"].GetMetric()
	if len(histogram) != 2 || histogram[1].GetHistogram().GetSampleCount() != 4 || len(histogram[1].GetHistogram().GetBucket()) != 10 {
		t.Errorf("the histogram is parsed as %v", histogram)
	}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "certsync_") {
			t.Errorf("the metric %q does not begin with certsync_", f.GetName())
		}
	}
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	check(t, err)
	for _, p := range problems {
		t.Errorf("promtool check metrics: %s: %s", p.Metric, p.Text)
	}
}

// Every counter exists from the start, since a rate in Prometheus needs a first sample of zero.
func TestMetricsStartAtZero(t *testing.T) {
	_, body := send(health.New(health.NewMetrics()).Handler(synced), "GET", contract.PathMetrics, kubelet)
	for _, line := range []string{
		`certsync_syncs_total{result="success"} 0`, `certsync_syncs_total{result="error"} 0`, `certsync_retries_total 0`,
		`certsync_store_changes_total 0`, `certsync_reloads_total{result="success"} 0`, `certsync_reloads_total{result="error"} 0`,
		`certsync_log_records_dropped_total 0`, `certsync_ready 0`,
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("the metrics do not contain %s", line)
		}
	}
}

// A parser reads every label value unchanged.
func TestMetricsEscape(t *testing.T) {
	s := health.New(health.NewMetrics())
	const odd = "a \"b\" \\c\\n\nd {e=\"f\"} # é \x00"
	s.Report(certsync.Report{Certificates: []certsync.Status{{
		Certificate: contract.Certificate{VaultName: odd, Name: "web"}, LastSuccess: noon,
	}}})
	_, body := send(s.Handler(synced), "GET", contract.PathMetrics, kubelet)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	check(t, err)
	metric := families["certsync_last_success_timestamp_seconds"].GetMetric()
	if len(metric) != 1 || metric[0].GetLabel()[0].GetValue() != odd && metric[0].GetLabel()[1].GetValue() != odd {
		t.Errorf("parsed as %v", metric)
	}
}
