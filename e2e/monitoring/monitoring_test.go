package monitoring_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/cluster"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/monitoring"
)

const page = "../../docs/monitoring.md"

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// render returns one template of the chart, with monitoring enabled.
func render(t *testing.T, template string, set ...string) string {
	t.Helper()
	helm, err := cluster.Program(t.Context(), io.Discard, "helm")
	check(t, err)
	cmd := exec.CommandContext(t.Context(), helm, append([]string{
		"template", "azure-cert-sync", "../../charts/azure-cert-sync", "--show-only", "templates/" + template,
		"--set", "monitoring.rules.enabled=true,monitoring.dashboard.enabled=true",
	}, set...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	return string(out)
}

// programs has the path of promtool.
var programs string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "prometheus-")
	if err == nil {
		err = monitoring.Build(context.Background(), dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	programs = dir
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func promtool(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), filepath.Join(programs, "promtool"), args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// Each alert has a file in testdata with cases in which it fires and cases in which it does not.
func TestAlerts(t *testing.T) {
	rules, alerts, err := monitoring.Rules(render(t, "prometheusrule.yaml"))
	check(t, err)
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "alerts.yaml"), rules, 0o600))
	promtool(t, "check", "rules", "--lint=all", "--lint-fatal", filepath.Join(dir, "alerts.yaml"))
	text, err := os.ReadFile(page)
	check(t, err)
	for _, a := range alerts {
		cases, err := os.ReadFile(filepath.Join("testdata", a.Alert+".yaml"))
		check(t, err)
		for _, part := range []string{"alertname: " + a.Alert + "\n", "exp_alerts: []", "exp_labels"} {
			if !bytes.Contains(cases, []byte(part)) {
				t.Errorf("the cases of %s do not contain %q", a.Alert, part)
			}
		}
		file := filepath.Join(dir, a.Alert+".yaml")
		check(t, os.WriteFile(file, cases, 0o600))
		promtool(t, "test", "rules", file)
		if !strings.Contains(string(text), "\n### "+a.Alert+"\n") {
			t.Errorf("%s has no section %s, to which the alert's runbook_url leads", page, a.Alert)
		}
	}
	if files, _ := filepath.Glob("testdata/*.yaml"); len(files) != len(alerts) {
		t.Errorf("%d files for %d alerts", len(files), len(alerts))
	}
}

// Alerts can be left out, and the plain file has what the PrometheusRule has.
func TestAlertsDisabled(t *testing.T) {
	_, all, err := monitoring.Rules(render(t, "prometheusrule.yaml"))
	check(t, err)
	_, some, err := monitoring.Rules(render(t, "prometheusrule.yaml", "--set", "monitoring.rules.disabled={CertSyncNotReady}"))
	check(t, err)
	if len(some) != len(all)-1 {
		t.Errorf("%d alerts with one disabled, %d in all", len(some), len(all))
	}
	for _, a := range some {
		if a.Alert == "CertSyncNotReady" {
			t.Error("the disabled alert is there")
		}
	}
	promtool(t, "check", "rules", "../../charts/azure-cert-sync/files/alerts.yaml")
}

// The scrape configuration of the page is valid.
func TestScrapeConfig(t *testing.T) {
	config, err := monitoring.ScrapeConfig(page)
	check(t, err)
	file := filepath.Join(t.TempDir(), "prometheus.yaml")
	check(t, os.WriteFile(file, []byte(config), 0o600))
	promtool(t, "check", "config", file)
}

// The dashboard uses no other variables than those that it defines.
func TestDashboard(t *testing.T) {
	queries, err := monitoring.Queries(render(t, "dashboard.yaml"))
	check(t, err)
	if len(queries) < 20 {
		t.Errorf("the dashboard has only %d queries", len(queries))
	}
	for _, q := range queries {
		if strings.Contains(q.Expr, "$") {
			t.Errorf("panel %q: %s has a variable that nothing defines", q.Panel, q.Expr)
		}
	}
}
