package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// A digest identifies an image in addition to the tag, and has no effect beside a full reference.
func TestChartDigests(t *testing.T) {
	t.Parallel()
	digest := "sha256:" + strings.Repeat("0f", 32)
	rendered, err := renderYAML(t, `{image: {registry: registry.example.com, tag: "1.2.3"}, webhook: {digest: "`+digest+`"}, sidecar: {digest: "`+digest+`"}}`)
	if err != nil {
		t.Fatal(err)
	}
	wantAll(t, "the rendered chart", rendered, []string{
		"image: registry.example.com/webhook:1.2.3@" + digest, "--sidecar-image=registry.example.com/sidecar:1.2.3@" + digest,
	})
	for values, want := range map[string]string{
		`{sidecar: {digest: "` + digest + `", image: a/b}}`: "sidecar.digest has no effect with sidecar.image: append it to the image, as <image>@" + digest,
		`{webhook: {digest: "` + digest + `", image: a/b}}`: "webhook.digest has no effect with webhook.image",
		`{webhook: {digest: "sha256:1"}}`:                   "digest",
		`{webhook: {ports: {metrics: 9443}}}`:               "webhook.ports: each port needs another number",
		`{webhook: {ports: {metrics: 70000}}}`:              "metrics",
		`{webhook: {strategy: {type: Other}}}`:              "type",
		`{webhook: {extraArgs: [no]}}`:                      "extraArgs",
		`{monitoring: {interval: often}}`:                   "interval",
		`{monitoring: {apiVersion: v1}}`:                    "apiVersion",
		`{monitoring: {labels: {release: 1}}}`:              "monitoring.labels.release: YAML reads this value as the number 1",
		`{monitoring: {rules: {disabled: [Nothing]}}}`:      `monitoring.rules.disabled: there is no alert "Nothing"; the alerts are CertSync`,
	} {
		if _, err := renderYAML(t, values); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", values, err, want)
		}
	}
}

// A security context is merged with the chart's, and null removes a field: on OpenShift, the
// cluster chooses.
func TestChartSecurityContext(t *testing.T) {
	t.Parallel()
	rendered, err := renderYAML(t, `webhook: {podSecurityContext: {runAsNonRoot: null, seccompProfile: null}, securityContext: {runAsUser: 1000}}`)
	if err != nil {
		t.Fatal(err)
	}
	wantAll(t, "the rendered chart", rendered, []string{"runAsUser: 1000", "readOnlyRootFilesystem: true"})
	wantNone(t, rendered, "runAsNonRoot", "seccompProfile")
}

// The service account can be one that exists. Its name is also that of the permissions.
func TestChartServiceAccount(t *testing.T) {
	t.Parallel()
	rendered, err := renderYAML(t, `{serviceAccount: {create: false, name: ours}, webhook: {admissionPolicy: true}}`)
	if err != nil {
		t.Fatal(err)
	}
	wantAll(t, "the rendered chart", rendered, []string{"serviceAccountName: ours", "kind: ServiceAccount\n    name: ours\n", "system:serviceaccount:azure-cert-sync-system:ours"})
	created, _, _ := strings.Cut(rendered, "# Source: azure-cert-sync/templates/tests")
	wantNone(t, created, "\nkind: ServiceAccount\n")
}

// On the network of the node, the pod keeps the DNS of the cluster.
func TestChartHostNetwork(t *testing.T) {
	t.Parallel()
	rendered, err := renderYAML(t, `webhook: {hostNetwork: true}`)
	if err != nil {
		t.Fatal(err)
	}
	wantAll(t, "the rendered chart", rendered, []string{"hostNetwork: true", "dnsPolicy: ClusterFirstWithHostNet"})
	rendered, err = renderYAML(t, `webhook: {strategy: {type: Recreate, rollingUpdate: null}}`)
	if err != nil {
		t.Fatal(err)
	}
	wantAll(t, "the rendered chart", rendered, []string{"type: Recreate"})
	wantNone(t, rendered, "hostNetwork", "dnsPolicy", "rollingUpdate")
}

// Artifact Hub shows the images that the chart installs.
func TestChartAnnotations(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(chartFolder, "Chart.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var chart struct {
		Annotations map[string]string `json:"annotations"`
	}
	if err := yaml.Unmarshal(text, &chart); err != nil {
		t.Fatal(err)
	}
	var images []struct {
		Name  string `json:"name"`
		Image string `json:"image"`
	}
	if err := yaml.Unmarshal([]byte(chart.Annotations["artifacthub.io/images"]), &images); err != nil {
		t.Fatal(err)
	}
	rendered, err := renderYAML(t, "{}")
	if err != nil {
		t.Fatal(err)
	}
	if len(images) != 2 {
		t.Errorf("%d images, want two", len(images))
	}
	for _, i := range images {
		if !strings.Contains(rendered, i.Image+"\n") {
			t.Errorf("the chart does not install %s", i.Image)
		}
	}
	var links []map[string]string
	if err := yaml.Unmarshal([]byte(chart.Annotations["artifacthub.io/links"]), &links); err != nil || len(links) == 0 {
		t.Errorf("links: %v, %v", links, err)
	}
}
