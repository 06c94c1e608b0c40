package framework

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/yaml"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

const release = "azure-cert-sync"

// Values returns the chart's values in the environment. They are those of a company with a
// TLS-inspecting proxy, and a short polling interval, because tests cannot wait an hour for a
// renewal.
func (e *Environment) Values() map[string]any {
	return map[string]any{
		"webhook":  map[string]any{"image": e.Cluster.Image("webhook"), "admissionPolicy": true},
		"identity": map[string]any{"tenantId": TenantID, "tokenEndpoint": e.TokenEndpoint(map[string]any{"caConfigMap": TokenProxyCA})},
		"sidecar": map[string]any{
			"image":    e.Cluster.Image("sidecar"),
			"extraCA":  e.Roots.TLS,
			"defaults": map[string]any{"polling-interval": "10"},
		},
	}
}

// TokenEndpoint returns the chart's values for the token proxy, with the given source of its CA.
func (e *Environment) TokenEndpoint(ca map[string]any) map[string]any {
	values := map[string]any{"url": "https://" + e.AzureIP, "suffix": "identity-binding", "sniName": TokenProxy}
	maps.Copy(values, ca)
	return values
}

// InstallChart installs or upgrades the product with Helm and waits until the webhook admits pods.
func (e *Environment) InstallChart(ctx context.Context) error {
	if err := e.UpgradeChart(ctx, e.Values()); err != nil {
		return err
	}
	return e.awaitAdmission(ctx)
}

// Helm runs one version of Helm: Cluster.Helm or Cluster.Helm3.
type Helm func(ctx context.Context, args ...string) (string, error)

// UpgradeChart installs or upgrades the product with Helm 4 and waits until its pods are ready.
func (e *Environment) UpgradeChart(ctx context.Context, values map[string]any) error {
	return e.UpgradeChartBy(ctx, e.Cluster.Helm, values)
}

// UpgradeChartBy does the same with a version of Helm, and with more flags.
func (e *Environment) UpgradeChartBy(ctx context.Context, helm Helm, values map[string]any, flags ...string) error {
	if err := e.apply(ctx, "system.yaml", SystemNamespace); err != nil {
		return err
	}
	text, err := yaml.Marshal(values)
	if err != nil {
		return err
	}
	_, err = e.onChart(ctx, helm, string(text), append([]string{"upgrade", "--install", "--wait", "--timeout", "3m"}, flags...))
	return err
}

// Manifests returns the chart's manifests, as "helm template" renders them with values (YAML) for
// one version of Kubernetes and with more flags.
func (e *Environment) Manifests(ctx context.Context, helm Helm, values string, flags ...string) (string, error) {
	return e.onChart(ctx, helm, values, append([]string{"template", "--kube-version", "1.36.0"}, flags...))
}

// onChart runs a command of Helm on the chart and its release, with values in YAML.
func (e *Environment) onChart(ctx context.Context, helm Helm, values string, command []string) (string, error) {
	dir, err := os.MkdirTemp("", "azure-cert-sync-e2e-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "values.yaml")
	if err := os.WriteFile(file, []byte(values), 0o600); err != nil {
		return "", err
	}
	return helm(ctx, append(command, release, filepath.Join(e.root, "charts", release), "--namespace", SystemNamespace, "--values", file)...)
}

// UninstallChart removes the product, if it is installed, and its namespace.
func (e *Environment) UninstallChart(ctx context.Context) error {
	_, err := e.Cluster.Helm(ctx, "uninstall", release, "--namespace", SystemNamespace, "--ignore-not-found", "--wait")
	if err != nil {
		return err
	}
	return e.RemoveNamespace(ctx, SystemNamespace)
}

// awaitAdmission waits until a labelled pod is admitted. After the first installation, the node's
// proxy learns of the webhook's pods a moment after they are ready.
func (e *Environment) awaitAdmission(ctx context.Context) error {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: "admission", Labels: map[string]string{contract.LabelUse: "true"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "admission", Image: e.Cluster.Image("testapp")}}},
	}
	return wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		_, err := e.Admit(ctx, pod)
		return err == nil, nil
	})
}
