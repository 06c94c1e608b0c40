package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/yaml"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/monitoring"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// A real Prometheus with the scrape configuration of docs/monitoring.md finds the sidecars, native
// ones too, and the webhook. Every query of the dashboard returns data there, and so does every
// metric of the alerts.
func TestMonitoring(t *testing.T) {
	t.Parallel()
	good, bad := newApp(t, "watched"), newApp(t, "unwatched")
	createCertificate(t, azure.Certificate{Name: "watched"})
	deploy(t, good)
	deploy(t, bad) // its certificate does not exist
	pod := awaitPod(t, good, isReady)
	if pod.Spec.InitContainers[0].Name != contract.ContainerName {
		t.Fatal("the sidecar is not a native one")
	}
	manifests, err := render(t, map[string]any{"monitoring": map[string]any{
		"rules": map[string]any{"enabled": true}, "dashboard": map[string]any{"enabled": true}}})
	if err != nil {
		t.Fatal(err)
	}
	_, alerts, err := monitoring.Rules(manifests)
	if err != nil {
		t.Fatal(err)
	}
	queries, err := monitoring.Queries(manifests)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range metricsOf(alerts) {
		queries = append(queries, monitoring.Query{Panel: "metric of an alert", Expr: name})
	}
	queries = append(queries,
		monitoring.Query{Panel: "native sidecar", Expr: fmt.Sprintf(`certsync_ready{namespace=%q, pod=%q} == 1`, pod.Namespace, pod.Name)},
		monitoring.Query{Panel: "reason", Expr: fmt.Sprintf(`certsync_certificate_failing{namespace=%q, reason="not_found"}`, bad.Namespace)})
	p := startPrometheus(t)
	for _, q := range queries {
		if err := p.awaitData(testContext(t), q.Expr); err != nil {
			t.Errorf("%s: %v", q.Panel, err)
		}
	}
	for _, a := range alerts {
		if _, err := p.query(testContext(t), a.Expr); err != nil {
			t.Errorf("%s: %v", a.Alert, err)
		}
	}
}

func isReady(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

var metricName = regexp.MustCompile(`\b(certsync|process)_\w+`)

// metricsOf returns the metrics of the alerts, except the one that exists only with failurePolicy
// Ignore.
func metricsOf(alerts []monitoring.Alert) (names []string) {
	seen := map[string]bool{"certsync_webhook_uninjected_pods": true}
	for _, a := range alerts {
		for _, name := range metricName.FindAllString(a.Expr, -1) {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

// prometheusAddress is on the node's loopback.
const prometheusAddress = "127.0.0.1:19090"

// prometheus is a running server, in the network of the node.
type prometheus struct{ promtool string }

// startPrometheus starts a Prometheus with the documented configuration. It runs outside of
// the cluster, so it gets a kubeconfig.
func startPrometheus(t *testing.T) prometheus {
	t.Helper()
	text, err := monitoring.ScrapeConfig("../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		t.Fatal(err)
	}
	config["global"] = map[string]any{"scrape_interval": "2s", "scrape_timeout": "2s"}
	for _, job := range config["scrape_configs"].([]any) {
		for _, discovery := range job.(map[string]any)["kubernetes_sd_configs"].([]any) {
			discovery.(map[string]any)["kubeconfig_file"] = testEnv.Cluster.Kubeconfig()
		}
	}
	whole, err := yaml.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := monitoring.Build(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "prometheus.yaml")
	if err := os.WriteFile(file, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	cmd := testEnv.Cluster.Command(ctx, filepath.Join(dir, "prometheus"), "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+prometheusAddress, "--log.level=warn")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Logf("Prometheus' log:\n%s", &log)
		}
	})
	return prometheus{promtool: filepath.Join(dir, "promtool")}
}

// query returns the number of series of an expression.
func (p prometheus) query(ctx context.Context, expr string) (int, error) {
	cmd := testEnv.Cluster.Command(ctx, p.promtool, "query", "instant", "--format=json", "http://"+prometheusAddress, expr)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%s: %w: %s", expr, err, strings.TrimSpace(stderr.String()))
	}
	var series []json.RawMessage
	if err := json.Unmarshal(stdout.Bytes(), &series); err != nil {
		return 0, fmt.Errorf("%s: %w: %s", expr, err, &stdout)
	}
	return len(series), nil
}

var errNoData = errors.New("no data")

// awaitData waits until an expression returns at least one series: rates need two scrapes.
func (p prometheus) awaitData(ctx context.Context, expr string) error {
	last := errNoData
	err := wait.PollUntilContextTimeout(ctx, 500*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		n, err := p.query(ctx, expr)
		if last = err; err == nil && n == 0 {
			last = errNoData
		}
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w (%w)", expr, last, err)
	}
	return nil
}

// "helm test" admits a pod, and says what failed otherwise.
func TestHelmTest(t *testing.T) {
	t.Parallel()
	out, err := testEnv.Cluster.Helm(testContext(t), "test", "azure-cert-sync", "--namespace", framework.SystemNamespace, "--logs")
	if want := "the webhook admits a pod in namespace default, with the sidecar " + testEnv.Cluster.Image("sidecar"); err != nil || !strings.Contains(out, want) {
		t.Errorf("helm test: %v\n%s\nwant %q", err, out, want)
	}
	program := filepath.Join(t.TempDir(), "webhook")
	build := testEnv.Cluster.Command(testContext(t), "go", "build", "-o", program, "../webhook")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for want, args := range map[string][]string{
		"the API server did not send the pod to the webhook":      {"--namespace", framework.SystemNamespace},
		"a webhook refuses the pod: ":                             {"--vault-suffix", "example.com"},
		"namespace missing does not exist: create it, or set the": {"--namespace", "missing"},
	} {
		args = append([]string{"admit-test", "--kubeconfig", testEnv.Cluster.Kubeconfig()}, args...)
		out, err := testEnv.Cluster.Command(testContext(t), program, args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%q: %v: %s, want %q", args, err, out, want)
		}
	}
}
