package e2e

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

const chartFolder = "../charts/azure-cert-sync"

// otherValues contains a value that is not the default for each value of the chart, and what the
// manifests then contain.
var otherValues = map[string]struct {
	value any
	want  string
}{
	"image.registry":                        {"registry.example.com", ""}, // both images set their own registry below
	"image.tag":                             {"1.2.3", ""},
	"image.pullPolicy":                      {"Always", "imagePullPolicy: Always"},
	"image.pullSecrets":                     {[]string{"pull-webhook"}, "- name: pull-webhook"},
	"identity.injection":                    {"never", "--identity-injection=never"},
	"identity.tenantId":                     {otherTenant, "--tenant-id=" + otherTenant},
	"identity.environment":                  {"AzureChinaCloud", "--azure-environment=AzureChinaCloud"},
	"identity.tokenAudience":                {"api://Other", "--token-audience=api://Other"},
	"identity.legacyTokenPath":              {true, "--legacy-token-path=true"},
	"identity.tokenEndpoint.url":            {"https://proxy.example.com", "--token-endpoint=https://proxy.example.com"},
	"identity.tokenEndpoint.suffix":         {"bound", "--token-endpoint-suffix=bound"},
	"identity.tokenEndpoint.audience":       {"api://Bound", "--token-endpoint-audience=api://Bound"},
	"identity.tokenEndpoint.sniName":        {"sni.example.com", "--token-endpoint-sni-name=sni.example.com"},
	"identity.tokenEndpoint.ca":             {"", ""}, // one source at a time: see TestChartTokenEndpointCA
	"identity.tokenEndpoint.caConfigMap":    {"", ""},
	"identity.tokenEndpoint.caSigner":       {"example.com/signer", "--token-endpoint-ca-signer=example.com/signer"},
	"identity.tokenEndpoint.caSelector":     {"a=b", `"--token-endpoint-ca-selector=a=b"`},
	"sidecar.image":                         {"sidecar@sha256:1", "--sidecar-image=sidecar@sha256:1"},
	"sidecar.defaults":                      {map[string]any{"polling-interval": 600}, `"--default=polling-interval=600"`},
	"sidecar.allowedVaults":                 {[]string{"vault.example.com"}, "--allowed-vaults=vault.example.com"},
	"sidecar.extraCA":                       {"-----BEGIN CERTIFICATE-----", "--extra-ca-file=/etc/azure-cert-sync/extra-ca/ca.crt"},
	"sidecar.env":                           {map[string]any{"NO_PROXY": "a,b"}, `"--sidecar-env=NO_PROXY=a,b"`},
	"sidecar.startAfter":                    {[]string{"mesh-a", "mesh-b"}, "--sidecar-start-after=mesh-a,mesh-b"},
	"sidecar.pullSecrets":                   {[]string{"pull-sidecar"}, "--sidecar-image-pull-secrets=pull-sidecar"},
	"sidecar.readSettingsConfigMaps":        {false, "--read-settings-configmaps=false"},
	"webhook.image":                         {"webhook@sha256:2", "image: webhook@sha256:2"},
	"webhook.replicas":                      {3, "replicas: 3"},
	"webhook.failurePolicy":                 {"Ignore", "failurePolicy: Ignore"},
	"webhook.timeoutSeconds":                {7, "timeoutSeconds: 7"},
	"webhook.excludedNamespaces":            {[]string{"kube-system"}, "- kube-system"},
	"webhook.namespaceSelector":             {map[string]any{"matchLabels": map[string]string{"team": "a"}}, "team: a"},
	"webhook.objectSelector":                {map[string]any{"matchLabels": map[string]string{"tier": "b"}}, "tier: b"},
	"webhook.matchConditions":               {[]any{map[string]string{"name": "not-mine", "expression": "true"}}, "name: not-mine"},
	"webhook.logLevel":                      {"debug", "--log-level=debug"},
	"webhook.tls.source":                    {"secret", "--tls-cert-dir=/etc/azure-cert-sync/tls"},
	"webhook.tls.secretName":                {"ours", "secretName: ours"},
	"webhook.tls.caBundle":                  {"a CA", "caBundle: YSBDQQ=="},
	"webhook.resources.requests.cpu":        {"123m", "cpu: 123m"},
	"webhook.resources.requests.memory":     {"65Mi", "memory: 65Mi"},
	"webhook.resources.limits.memory":       {"257Mi", "memory: 257Mi"},
	"webhook.podAnnotations":                {map[string]string{"note": "c"}, "note: c"},
	"webhook.podLabels":                     {map[string]string{"label": "d"}, "label: d"},
	"webhook.nodeSelector.kubernetes.io/os": {"plan9", "kubernetes.io/os: plan9"},
	"webhook.tolerations":                   {[]any{map[string]string{"key": "spot"}}, "key: spot"},
	"webhook.affinity":                      {map[string]any{"nodeAffinity": map[string]any{}}, "nodeAffinity: {}"},
	"webhook.topologySpreadConstraints":     {[]any{map[string]any{"maxSkew": 5}}, "maxSkew: 5"},
	"webhook.priorityClassName":             {"important", "priorityClassName: important"},
	"webhook.podDisruptionBudget":           {false, ""}, // TestChartImages tests the default
}

// Every value of the chart has the effect that its comment describes, and this test covers every
// value.
func TestChartValues(t *testing.T) {
	t.Parallel()
	values := map[string]any{}
	for path, other := range otherValues {
		set(values, path, other.value)
	}
	rendered, err := render(t, values)
	if err != nil {
		t.Fatal(err)
	}
	for path, other := range otherValues {
		if !strings.Contains(rendered, other.want) {
			t.Errorf("with %s %v the manifests do not contain %q", path, other.value, other.want)
		}
	}
	wantNone(t, rendered, "kind: PodDisruptionBudget", "podAntiAffinity",
		// The webhook does not need these permissions.
		"azure-wi-webhook-mutating-webhook-configuration", "resources: [secrets]", "patch", "update", "resources: [configmaps]")
	data, err := os.ReadFile(filepath.Join(chartFolder, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var defaults map[string]any
	if err := yaml.Unmarshal(data, &defaults); err != nil {
		t.Fatal(err)
	}
	for _, path := range leaves("", defaults) {
		if _, known := otherValues[path]; !known {
			t.Errorf("no test case for the chart's value %s", path)
		}
	}
}

// Images come from one registry with one tag, unless they are set individually.
func TestChartImages(t *testing.T) {
	t.Parallel()
	rendered, err := render(t, map[string]any{"image": map[string]any{"registry": "registry.example.com", "tag": "1.2.3"}})
	if err != nil {
		t.Fatal(err)
	}
	wantAll(t, "the rendered chart", rendered, []string{
		"image: registry.example.com/webhook:1.2.3", "--sidecar-image=registry.example.com/sidecar:1.2.3",
		"kind: PodDisruptionBudget", "podAntiAffinity", "resourceNames: [azure-cert-sync-webhook-tls]",
	})
	wantNone(t, rendered, "resources: [pods]\n    verbs", "resources: [events]")
}

// The API server accepts the plain manifests.
func TestPlainManifests(t *testing.T) {
	t.Parallel()
	if _, err := testEnv.Cluster.Kubectl(testContext(t), "apply", "--server-side", "--force-conflicts", "--dry-run=server",
		"--validate=strict", "--filename", "../deploy/azure-cert-sync.yaml"); err != nil {
		t.Error(err)
	}
}

func wantNone(t *testing.T, text string, unwanted ...string) {
	t.Helper()
	for _, u := range unwanted {
		if strings.Contains(text, u) {
			t.Errorf("the rendered chart contains %q", u)
		}
	}
}

// The CA of the token endpoint has exactly one source. TestChartValues does not cover these
// sources.
func TestChartTokenEndpointCA(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"ca":          "--token-endpoint-ca-file=/etc/azure-cert-sync/token-endpoint-ca/ca.crt",
		"caConfigMap": "--token-endpoint-ca-configmap=it",
	} {
		rendered, err := render(t, map[string]any{"identity": map[string]any{"tokenEndpoint": map[string]any{
			"url": "https://proxy.example.com", "suffix": "bound", source: "it"}}})
		if err != nil || !strings.Contains(rendered, want) {
			t.Errorf("with %s the manifests do not contain %q (%v)", source, want, err)
		}
	}
}

// Values that would have no effect, or would keep the webhook from starting, are refused before
// anything is installed.
func TestChartRefuses(t *testing.T) {
	t.Parallel()
	for path, test := range map[string]struct {
		value any
		want  string
	}{
		"webhook.replica":                {3, "replica"},
		"tenantId":                       {otherTenant, "tenantId"},
		"webhook.failurePolicy":          {"ignore", "failurePolicy"},
		"webhook.timeoutSeconds":         {60, "timeoutSeconds"},
		"webhook.tls.source":             {"secret", "webhook.tls.source=secret requires"},
		"webhook.namespaceSelector.team": {"a", "team"},
		"identity.tokenEndpoint.suffix":  {"bound", "set both url and suffix, or neither"},
		"identity.tokenEndpoint":         {map[string]any{"url": "https://proxy.example.com", "suffix": "bound"}, "exactly one of ca, caConfigMap and caSigner"},
		"sidecar.allowedVaults":          {[]string{"https://vault.azure.net"}, "allowedVaults"},
	} {
		values := map[string]any{}
		set(values, path, test.value)
		if _, err := render(t, values); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %v: error %v, want one that contains %s", path, test.value, err, test.want)
		}
	}
}

// render returns the manifests that Helm renders with the values.
func render(t *testing.T, values map[string]any) (string, error) {
	t.Helper()
	text, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "values.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return testEnv.Cluster.Helm(testContext(t), "template", "azure-cert-sync", chartFolder, "--kube-version", "1.36.0", "--values", file)
}

// set sets the value at a path of keys that are separated by dots. The last key may contain dots if
// it has the prefix of a label.
func set(values map[string]any, path string, value any) {
	key, rest, nested := strings.Cut(path, ".")
	if !nested || key == "kubernetes" {
		values[path] = value
		return
	}
	inner, _ := values[key].(map[string]any)
	if inner == nil {
		inner = map[string]any{}
		values[key] = inner
	}
	set(inner, rest, value)
}

// leaves returns the paths of all values except objects with members.
func leaves(prefix string, values map[string]any) (paths []string) {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if inner, _ := values[key].(map[string]any); len(inner) > 0 {
			paths = append(paths, leaves(prefix+key+".", inner)...)
		} else {
			paths = append(paths, prefix+key)
		}
	}
	return paths
}
