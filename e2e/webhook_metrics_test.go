package e2e

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
)

// Each replica reports its requests by outcome, their duration, the expiry of its certificate and
// the size of its caches, but never the name of an object in the cluster.
func TestWebhookMetrics(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t, "metrics", "restricted", nil)
	newServiceAccount(t, namespace, "web", withClientID())
	admit(t, labelled(namespace, "web", nil))
	refused(t, labelled(namespace, "web", annotated(key("certificates"), "https://example.com/secrets/web")))
	readme := readPage(t, "../charts/azure-cert-sync/README.md")
	sums := map[string]float64{}
	for _, pod := range webhookPods(t) {
		text, err := testEnv.Client.CoreV1().Pods(framework.SystemNamespace).
			ProxyGet("http", pod.Name, "8095", "metrics", nil).DoRaw(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), namespace) || strings.Contains(string(text), "namespace=") {
			t.Errorf("the metrics of %s contain the name of a namespace:\n%s", pod.Name, text)
		}
		samples := samplesOf(t, string(text))
		if expires := time.Unix(int64(samples["certsync_webhook_serving_certificate_not_after_timestamp_seconds"]), 0); time.Until(expires) < 24*time.Hour {
			t.Errorf("the certificate of %s expires at %s", pod.Name, expires)
		}
		for name, value := range samples {
			sums[name] += value
		}
		for _, m := range family.FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(readme, "| `"+m[1]+"` |") {
				t.Errorf("the chart's README does not list the metric %s", m[1])
			}
		}
	}
	for _, name := range []string{
		`certsync_webhook_requests_total{outcome="injected"}`, `certsync_webhook_requests_total{outcome="denied"}`,
		`certsync_webhook_request_duration_seconds_count`, `certsync_webhook_request_duration_seconds_bucket{le="+Inf"}`,
		`certsync_webhook_cached_objects{resource="serviceaccounts"}`, `certsync_webhook_cached_objects{resource="namespaces"}`,
	} {
		if sums[name] < 1 {
			t.Errorf("%s is %v", name, sums[name])
		}
	}
	for _, outcome := range []string{"skipped", "error"} {
		if _, there := sums[`certsync_webhook_requests_total{outcome="`+outcome+`"}`]; !there {
			t.Errorf("no sample with the outcome %q", outcome)
		}
	}
}

// family is the line with the type of a metric.
var family = regexp.MustCompile(`(?m)^# TYPE (certsync_\S+) `)

var sample = regexp.MustCompile(`(?m)^(certsync_\S+) (\S+)$`)

// samplesOf returns the project's samples by name and labels.
func samplesOf(t *testing.T, text string) map[string]float64 {
	t.Helper()
	samples := map[string]float64{}
	for _, m := range sample.FindAllStringSubmatch(text, -1) {
		value, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		samples[m[1]] = value
	}
	return samples
}
