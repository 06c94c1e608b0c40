// Package monitoring runs what docs/monitoring.md and the chart offer for Prometheus: the scrape
// configuration, the alerts and the dashboard.
//
// It guarantees that the tests use the texts that users get: it reads the configuration from the
// page, and alerts and dashboard from what Helm renders. Prometheus itself is pinned in
// .ci/tools/prometheus.
package monitoring
