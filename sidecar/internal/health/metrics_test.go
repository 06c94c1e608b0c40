package health_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/azhttp"
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
	r.Retry, r.Interval, r.Failures = true, time.Hour, []string{contract.ReasonNotFound, contract.ReasonNotFound, contract.ReasonStore}
	s.Report(r)
	_, body := send(s.Handler(synced), contract.PathMetrics, kubelet)
	own, ofProcess, _ := strings.Cut(body, "# HELP process_")
	golden(t, "testdata/metrics.golden", own)
	if strings.Contains(ofProcess, "certsync_") {
		t.Error("the process's metrics are not the last ones")
	}

	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	check(t, err)
	histogram := families["certsync_request_duration_seconds"].GetMetric()
	if len(histogram) != 2 || histogram[1].GetHistogram().GetSampleCount() != 4 || len(histogram[1].GetHistogram().GetBucket()) != 10 {
		t.Errorf("the histogram is parsed as %v", histogram)
	}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "certsync_") && !strings.HasPrefix(f.GetName(), "process_") {
			t.Errorf("the metric %q begins neither with certsync_ nor with process_", f.GetName())
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
	_, body := send(health.New(health.NewMetrics()).Handler(synced), contract.PathMetrics, kubelet)
	for _, line := range []string{
		`certsync_syncs_total{result="success"} 0`, `certsync_syncs_total{result="error"} 0`, `certsync_retries_total 0`,
		`certsync_store_changes_total 0`, `certsync_reloads_total{result="success"} 0`, `certsync_reloads_total{result="error"} 0`,
		`certsync_log_records_dropped_total 0`, `certsync_ready 0`,
		`certsync_settings_refused 0`, `certsync_state{state="transitioning"} 1`, `certsync_state{state="error"} 0`,
		`certsync_failures_total{reason="forbidden"} 0`, `certsync_failures_total{reason="other"} 0`,
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
	_, body := send(s.Handler(synced), contract.PathMetrics, kubelet)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	check(t, err)
	metric := families["certsync_last_success_timestamp_seconds"].GetMetric()
	if len(metric) != 1 || metric[0].GetLabel()[0].GetValue() != odd && metric[0].GetLabel()[1].GetValue() != odd {
		t.Errorf("parsed as %v", metric)
	}
}

// The process's metrics are those of the kernel.
func TestProcessMetrics(t *testing.T) {
	began := time.Now()
	_, body := send(health.New(health.NewMetrics()).Handler(synced), contract.PathMetrics, kubelet)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	check(t, err)
	status, err := os.ReadFile("/proc/self/status")
	check(t, err)
	var kilobytes float64
	_, resident, _ := strings.Cut(string(status), "VmRSS:")
	_, err = fmt.Sscan(resident, &kilobytes)
	check(t, err)
	// Other tests change the memory, and the kernel counts statm and status differently.
	if got, want := families["process_resident_memory_bytes"].GetMetric()[0].GetGauge().GetValue(), kilobytes*1024; got < want/2 || got > want*2 {
		t.Errorf("process_resident_memory_bytes is %v, /proc/self/status has %v", got, want)
	}
	if start := families["process_start_time_seconds"].GetMetric()[0].GetGauge().GetValue(); start < float64(began.Unix()) {
		t.Errorf("process_start_time_seconds is %v, before %v", start, began.Unix())
	}
	if cpu := families["process_cpu_seconds_total"].GetMetric()[0].GetCounter().GetValue(); cpu <= 0 {
		t.Errorf("process_cpu_seconds_total is %v", cpu)
	}
}

// A refused edit of the settings and a failing certificate show until they are corrected.
func TestMetricsFollowState(t *testing.T) {
	s := health.New(health.NewMetrics())
	failing := certsync.Status{
		Certificate: contract.Certificate{VaultName: "v", Name: "web"}, Err: &azhttp.UnreachableError{Host: "v.vault.azure.net", Err: os.ErrDeadlineExceeded},
	}
	const series = `certsync_certificate_failing{vault="v",certificate="web",reason="unreachable"} 1`
	for _, step := range []struct {
		report  certsync.Report
		notice  string
		present []string
		absent  string
	}{
		{certsync.Report{State: certsync.Error, Certificates: []certsync.Status{failing}}, "port has changed",
			[]string{series, `certsync_settings_refused 1`, `certsync_state{state="error"} 1`}, "no series"},
		{certsync.Report{State: certsync.Success, Ready: true}, "",
			[]string{`certsync_settings_refused 0`, `certsync_state{state="error"} 0`, `certsync_state{state="success"} 1`, `certsync_ready 1`}, series},
	} {
		s.Report(step.report)
		s.Notice(step.notice)
		_, body := send(s.Handler(synced), contract.PathMetrics, kubelet)
		for _, line := range step.present {
			if !strings.Contains(body, line+"\n") {
				t.Errorf("the metrics do not contain %s", line)
			}
		}
		if strings.Contains(body, step.absent) {
			t.Errorf("the metrics contain %s", step.absent)
		}
	}
}
