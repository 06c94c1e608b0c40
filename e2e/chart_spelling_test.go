package e2e

import (
	"strings"
	"testing"
)

// Values whose spelling YAML changes are refused, and the message says what to write. Others arrive
// as they are written.
func TestChartSpelling(t *testing.T) {
	t.Parallel()
	for values, want := range map[string]string{
		`sidecar: {defaults: {file-mode: "0644"}}`:                                      `"--default=file-mode=0644"`,
		`sidecar: {defaults: {polling-interval: 1000000}}`:                              `"--default=polling-interval=1000000"`,
		`sidecar: {defaults: {memory-limit: 134217728, cpu-limit: 1}}`:                  `"--default=memory-limit=134217728"`,
		`sidecar: {defaults: {cpu-limit: 0.5}}`:                                         `"--default=cpu-limit=0.5"`,
		`sidecar: {defaults: {require-initial-sync: false}}`:                            `"--default=require-initial-sync=false"`,
		`sidecar: {env: {PORT: "8080"}}`:                                                `"--sidecar-env=PORT=8080"`,
		`image: {tag: 20261125}`:                                                        "image: ghcr.io/azure-cert-sync/webhook:20261125\n",
		`image: {tag: "1.10"}`:                                                          "sidecar:1.10\n",
		`image: {tag: null}`:                                                            "webhook:0.1.0\n",
		`webhook: {image: "r.example.com/w@sha256:0123"}`:                               "image: r.example.com/w@sha256:0123\n",
		`webhook: {replicas: 1000000}`:                                                  "replicas: 1000000\n",
		`webhook: {resources: {limits: {memory: 1000000000, cpu: 1}}}`:                  "memory: 1000000000\n",
		`webhook: {tolerations: [{operator: Exists, tolerationSeconds: 1000000}]}`:      "tolerationSeconds: 1000000\n",
		`webhook: {podDisruptionBudget: {minAvailable: 1000000}, replicas: 1000001}`:    "minAvailable: 1000000\n",
		`webhook: {annotations: {admissions.enforcer/disabled: "true"}}`:                `admissions.enforcer/disabled: "true"`,
		`commonLabels: {cost-center: "0042"}`:                                           `cost-center: "0042"`,
		`webhook: {topologySpreadConstraints: [{maxSkew: 1000000, topologyKey: zone}]}`: "maxSkew: 1000000\n",
	} {
		if rendered, err := renderYAML(t, values); err != nil || !strings.Contains(rendered, want) {
			t.Errorf("%s: the manifests do not contain %q (%v)", values, want, err)
		}
	}
	for values, want := range map[string]string{
		`sidecar: {defaults: {file-mode: 0644}}`:                         `sidecar.defaults.file-mode: YAML reads this value as the number 420, which may differ from what you wrote: put it in quotes, for example "0644"`,
		`sidecar: {defaults: {file-mode: 640}}`:                          `put it in quotes, for example "0644"`,
		`sidecar: {env: {PIN: 0123}}`:                                    `sidecar.env.PIN: YAML reads this value as the number 83`,
		`sidecar: {env: {DEBUG: yes}}`:                                   `sidecar.env.DEBUG: YAML reads this value as the boolean true`,
		`image: {tag: 1.10}`:                                             `image.tag: YAML reads this value as the number 1.1`,
		`image: {tag: 1.0}`:                                              `put it in quotes, for example "1.10"`,
		`image: {tag: 0}`:                                                `image.tag: YAML reads this value as the number 0`,
		`image: {tag: 0123456}`:                                          `image.tag: YAML reads this value as the number 42798`,
		`image: {tag: 12e45}`:                                            `image.tag: YAML reads this value as the number`,
		`image: {tag: "sha256:0123"}`:                                    "for digests, set webhook.digest and sidecar.digest",
		`webhook: {annotations: {admissions.enforcer/disabled: true}}`:   `for example "true"`,
		`webhook: {podLabels: {version: 1.10}}`:                          "webhook.podLabels.version: YAML reads",
		`commonAnnotations: {owner: 7}`:                                  "commonAnnotations.owner: YAML reads",
		`webhook: {nodeSelector: {spot: true}}`:                          "webhook.nodeSelector.spot: YAML reads",
		`webhook: {namespaceSelector: {matchLabels: {certsync: on}}}`:    "webhook.namespaceSelector.matchLabels.certsync: YAML reads",
		`identity: {tenantId: contoso.onmicrosoft.com}`:                  `identity.tenantId: "contoso.onmicrosoft.com" is not a GUID`,
		`identity: {tenantId: "{11111111-2222-3333-4444-555555555555}"}`: "is not a GUID",
		`identity: {tenantId: 0}`:                                        `identity.tenantId: "0" is not a GUID`,
		`identity: {legacyTokenPath: "true"}`:                            "at '/identity/legacyTokenPath': got string, want boolean",
		`webhook: {replicas: "2"}`:                                       "at '/webhook/replicas': got string, want integer",
		`webhook: {tls: null}`:                                           "at '/webhook': missing property 'tls'",
		`image: {registry: null}`:                                        "at '/image': missing property 'registry'",
		`image: {registry: ""}`:                                          "at '/image/registry'",
	} {
		if _, err := renderYAML(t, values); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", values, err, want)
		}
	}
}

// The PodDisruptionBudget allows at least one disruption: otherwise no node can be drained.
func TestChartDisruptions(t *testing.T) {
	t.Parallel()
	for values, want := range map[string]string{
		`{}`:                                   "minAvailable: 1\n",
		`{minAvailable: 0}`:                    "minAvailable: 0\n",
		`{minAvailable: 50%}`:                  "minAvailable: 50%\n",
		`{maxUnavailable: 1}`:                  "  maxUnavailable: 1\n  #",
		`{maxUnavailable: 40%}`:                "maxUnavailable: 40%\n",
		`{maxUnavailable: null}`:               "minAvailable: 1\n",
		`{minAvailable: 2}`:                    "",
		`{minAvailable: 51%}`:                  "",
		`{maxUnavailable: 0}`:                  "",
		`{maxUnavailable: "0%"}`:               "",
		`{minAvailable: "1 pod"}`:              "",
		`{minAvailable: -1}`:                   "",
		`{minAvailable: 1, maxUnavailable: 1}`: "",
	} {
		rendered, err := renderYAML(t, "webhook: {podDisruptionBudget: "+values+"}")
		if (err != nil) != (want == "") || !strings.Contains(rendered, want) {
			t.Errorf("%s: want %q, or an error if that is empty: %v", values, want, err)
		}
	}
	if rendered, err := renderYAML(t, "webhook: {podDisruptionBudget: {enabled: false, minAvailable: 2}}"); err != nil || strings.Contains(rendered, "PodDisruptionBudget") {
		t.Errorf("there is a budget though it is disabled, or %v", err)
	}
}

// Labels and annotations reach every object. Those by which the chart's objects find each other
// cannot be changed.
func TestChartMetadata(t *testing.T) {
	t.Parallel()
	for _, source := range []string{"self", "cert-manager"} {
		rendered, err := renderYAML(t, `{commonLabels: {team: a}, commonAnnotations: {owner: b}, sidecar: {extraCA: "-----BEGIN CERTIFICATE-----"},
			webhook: {admissionPolicy: true, tls: {source: `+source+`}, networkPolicy: {enabled: true, apiServer: [{ipBlock: {cidr: 10.0.0.0/28}}]}},
			monitoring: {sidecarMonitor: true, webhookMonitor: true, rules: {enabled: true}}}`)
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range objects(rendered)[1:] { // the first is empty
			if strings.Contains(object, "helm.sh/hook: test") {
				continue // with more annotations, and a component of their own
			}
			metadata := "metadata:\n  annotations:\n    owner: b\n  labels:\n    app.kubernetes.io/component: webhook\n" +
				"    app.kubernetes.io/instance: azure-cert-sync\n    app.kubernetes.io/managed-by: Helm\n" +
				"    app.kubernetes.io/name: azure-cert-sync\n    app.kubernetes.io/version: 0.1.0\n    team: a\n"
			if !strings.Contains(object, metadata) {
				t.Errorf("labels or annotations are missing:\n%s", object)
			}
		}
	}
	for _, values := range []string{"commonLabels: {app.kubernetes.io/name: other}", "webhook: {podLabels: {app.kubernetes.io/instance: other}}"} {
		if _, err := renderYAML(t, values); err == nil || !strings.Contains(err.Error(), "the chart sets the label app.kubernetes.io/") {
			t.Errorf("%s: %v", values, err)
		}
	}
}
