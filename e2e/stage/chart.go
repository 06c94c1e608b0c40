package stage

import (
	"context"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

const release = "azure-cert-sync"

// Values are the chart's values on a stage: those of a company with a TLS-inspecting proxy, and a short polling
// interval, since a stage does not wait an hour for a renewal.
func (s *Stage) Values() map[string]any {
	return map[string]any{
		"webhook":  map[string]any{"image": s.Cluster.Image("webhook")},
		"identity": map[string]any{"tenantId": TenantID},
		"sidecar": map[string]any{
			"image":    s.Cluster.Image("sidecar"),
			"extraCA":  s.Roots.TLS,
			"defaults": map[string]any{"polling-interval": "10"},
		},
	}
}

// InstallChart installs or upgrades the product with Helm and waits until it serves.
func (s *Stage) InstallChart(ctx context.Context) error {
	values, err := yaml.Marshal(s.Values())
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "azure-cert-sync-stage-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "values.yaml")
	if err := os.WriteFile(file, values, 0o600); err != nil {
		return err
	}
	_, err = s.Cluster.Helm(ctx, "upgrade", "--install", release, filepath.Join(s.root, "charts", release),
		"--namespace", SystemNamespace, "--create-namespace", "--values", file, "--wait", "--timeout", "3m")
	return err
}
