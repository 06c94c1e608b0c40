package e2e

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

const chartFolder = "../charts/azure-cert-sync"

// otherValues has another value than the default for each value of the chart, and what it makes of
// the manifests.
var otherValues = map[string]struct {
	value any
	want  string
}{
	"image.registry":                                   {"registry.example.com", ""}, // both images name their own below
	"image.tag":                                        {"1.2.3", ""},                // see TestChartImages
	"commonLabels":                                     {map[string]string{"part": "e"}, "part: e"},
	"commonAnnotations":                                {map[string]string{"owner": "f"}, "owner: f"},
	"image.pullPolicy":                                 {"Always", "imagePullPolicy: Always"},
	"image.pullSecrets":                                {[]string{"pull-webhook"}, `- name: "pull-webhook"`},
	"identity.injection":                               {"never", "--identity-injection=never"},
	"identity.tenantId":                                {otherTenant, "--tenant-id=" + otherTenant},
	"identity.environment":                             {"AzureChinaCloud", "--azure-environment=AzureChinaCloud"},
	"identity.tokenAudience":                           {"api://Other", "--token-audience=api://Other"},
	"identity.legacyTokenPath":                         {true, "--legacy-token-path=true"},
	"identity.tokenEndpoint.url":                       {"https://proxy.example.com", "--token-endpoint=https://proxy.example.com"},
	"identity.tokenEndpoint.suffix":                    {"bound", "--token-endpoint-suffix=bound"},
	"identity.tokenEndpoint.audience":                  {"api://Bound", "--token-endpoint-audience=api://Bound"},
	"identity.tokenEndpoint.sniName":                   {"sni.example.com", "--token-endpoint-sni-name=sni.example.com"},
	"identity.tokenEndpoint.ca":                        {"", ""}, // one source at a time: see TestChartTokenEndpointCA
	"identity.tokenEndpoint.caConfigMap":               {"", ""},
	"identity.tokenEndpoint.caSigner":                  {"example.com/signer", "--token-endpoint-ca-signer=example.com/signer"},
	"identity.tokenEndpoint.caSelector":                {"a=b", `"--token-endpoint-ca-selector=a=b"`},
	"serviceAccount.create":                            {true, "kind: ServiceAccount"}, // false: see TestChartServiceAccount
	"serviceAccount.name":                              {"certificates", "serviceAccountName: certificates"},
	"serviceAccount.annotations":                       {map[string]string{"account": "g"}, "account: g"},
	"sidecar.digest":                                   {"", ""}, // instead of an image: see TestChartDigests
	"webhook.digest":                                   {"", ""},
	"webhook.strategy.type":                            {"RollingUpdate", "type: RollingUpdate"},
	"webhook.strategy.rollingUpdate.maxUnavailable":    {1, "maxUnavailable: 1"},
	"webhook.strategy.rollingUpdate.maxSurge":          {0, "maxSurge: 0"},
	"webhook.extraArgs":                                {[]string{"--drain=5s"}, "- --drain=5s"},
	"webhook.extraEnv":                                 {[]any{map[string]string{"name": "GOGC", "value": "50"}}, "name: GOGC"},
	"webhook.extraVolumes":                             {[]any{map[string]any{"name": "more", "emptyDir": map[string]any{}}}, "emptyDir: {}"},
	"webhook.extraVolumeMounts":                        {[]any{map[string]any{"name": "more", "mountPath": "/more"}}, "mountPath: /more"},
	"webhook.podSecurityContext.runAsNonRoot":          {nil, ""}, // see TestChartSecurityContext
	"webhook.podSecurityContext.seccompProfile.type":   {"Localhost", "type: Localhost"},
	"webhook.securityContext.allowPrivilegeEscalation": {false, "allowPrivilegeEscalation: false"},
	"webhook.securityContext.readOnlyRootFilesystem":   {false, "readOnlyRootFilesystem: false"},
	"webhook.securityContext.capabilities.drop":        {[]string{"NET_RAW"}, "- NET_RAW"},
	"webhook.hostNetwork":                              {true, "hostNetwork: true"},
	"webhook.dnsPolicy":                                {"Default", "dnsPolicy: Default"},
	"webhook.ports.webhook":                            {10250, "--port=10250"},
	"webhook.ports.health":                             {10251, "--health-address=:10251"},
	"webhook.ports.metrics":                            {10252, "--metrics-address=:10252"},
	"test.namespace":                                   {"testing", "--namespace=testing"},
	"monitoring.apiVersion":                            {"azmonitoring.coreos.com/v1", "apiVersion: azmonitoring.coreos.com/v1"},
	"monitoring.labels":                                {map[string]string{"release": "stack"}, "release: stack"},
	"monitoring.interval":                              {"45s", "interval: 45s"},
	"monitoring.sidecarMonitor":                        {true, "port: certsync"},
	"monitoring.webhookMonitor":                        {true, "port: metrics"},
	"monitoring.rules.enabled":                         {true, "kind: PrometheusRule"},
	"monitoring.rules.disabled":                        {[]string{"CertSyncNotReady"}, ""}, // see TestAlertsDisabled of package monitoring
	"monitoring.dashboard.enabled":                     {true, "azure-cert-sync.json:"},
	"monitoring.dashboard.labels.grafana_dashboard":    {"2", `grafana_dashboard: "2"`},
	"monitoring.dashboard.annotations":                 {map[string]string{"grafana_folder": "h"}, "grafana_folder: h"},
	"sidecar.image":                                    {"sidecar@sha256:1", "--sidecar-image=sidecar@sha256:1"},
	"sidecar.defaults":                                 {map[string]any{"polling-interval": 600}, `"--default=polling-interval=600"`},
	"sidecar.allowedVaults":                            {[]string{"vault.example.com"}, "--allowed-vaults=vault.example.com"},
	"sidecar.extraCA":                                  {"-----BEGIN CERTIFICATE-----", "--extra-ca-file=/etc/azure-cert-sync/extra-ca/ca.crt"},
	"sidecar.env":                                      {map[string]any{"NO_PROXY": "a,b"}, `"--sidecar-env=NO_PROXY=a,b"`},
	"sidecar.startAfter":                               {[]string{"mesh-a", "mesh-b"}, "--sidecar-start-after=mesh-a,mesh-b"},
	"sidecar.pullSecrets":                              {[]string{"pull-sidecar"}, "--sidecar-image-pull-secrets=pull-sidecar"},
	"sidecar.readSettingsConfigMaps":                   {false, "--read-settings-configmaps=false"},
	"webhook.image":                                    {"webhook@sha256:2", "image: webhook@sha256:2"},
	"webhook.annotations":                              {map[string]string{"admissions.enforcer/disabled": "true"}, `admissions.enforcer/disabled: "true"`},
	"webhook.replicas":                                 {3, "replicas: 3"},
	"webhook.failurePolicy":                            {"Ignore", "failurePolicy: Ignore"},
	"webhook.timeoutSeconds":                           {7, "timeoutSeconds: 7"},
	"webhook.excludedNamespaces":                       {[]string{"kube-system"}, "- kube-system"},
	"webhook.namespaceSelector":                        {map[string]any{"matchLabels": map[string]string{"team": "a"}}, "team: a"},
	"webhook.objectSelector":                           {map[string]any{"matchLabels": map[string]string{"tier": "b"}}, "tier: b"},
	"webhook.matchConditions":                          {[]any{map[string]string{"name": "not-mine", "expression": "true"}}, "name: not-mine"},
	"webhook.logLevel":                                 {"debug", "--log-level=debug"},
	"webhook.tls.source":                               {"secret", "--tls-cert-dir=/etc/azure-cert-sync/tls"},
	"webhook.tls.secretName":                           {"ours", "--tls-secret=ours"},
	"webhook.tls.caBundle":                             {"a CA", "--tls-ca-file=/etc/azure-cert-sync/tls-ca/ca.crt"},
	"webhook.tls.clientCA":                             {"client CA", "--client-ca-file=/etc/azure-cert-sync/client-ca/ca.crt"},
	"webhook.resources.requests.cpu":                   {"123m", "cpu: 123m"},
	"webhook.resources.requests.memory":                {"65Mi", "memory: 65Mi"},
	"webhook.resources.limits.memory":                  {"257Mi", "memory: 257Mi"},
	"webhook.podAnnotations":                           {map[string]string{"note": "c"}, "note: c"},
	"webhook.podLabels":                                {map[string]string{"label": "d"}, "label: d"},
	"webhook.nodeSelector.kubernetes.io/os":            {"plan9", "kubernetes.io/os: plan9"},
	"webhook.tolerations":                              {[]any{map[string]string{"key": "spot"}}, "key: spot"},
	"webhook.affinity":                                 {map[string]any{"nodeAffinity": map[string]any{}}, "nodeAffinity: {}"},
	"webhook.topologySpreadConstraints":                {[]any{map[string]any{"maxSkew": 5}}, "maxSkew: 5"},
	"webhook.priorityClassName":                        {"important", "priorityClassName: important"},
	"webhook.podDisruptionBudget.enabled":              {true, "unhealthyPodEvictionPolicy: AlwaysAllow"},
	"webhook.podDisruptionBudget.minAvailable":         {2, "minAvailable: 2"},
	"webhook.podDisruptionBudget.maxUnavailable":       {"", ""}, // instead of minAvailable: see TestChartDisruptions
	"webhook.networkPolicy.enabled":                    {true, "kind: NetworkPolicy"},
	"webhook.networkPolicy.apiServer":                  {[]any{map[string]any{"ipBlock": map[string]string{"cidr": "10.1.0.0/28"}}}, "cidr: 10.1.0.0/28"},
	"webhook.networkPolicy.metrics":                    {[]any{map[string]any{"ipBlock": map[string]string{"cidr": "10.2.0.0/28"}}}, "cidr: 10.2.0.0/28"},
	"webhook.admissionPolicy":                          {true, "kind: ValidatingAdmissionPolicy"},
}

// Every value of the chart does what its comment says, and this test knows every value.
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
			t.Errorf("with %s %v the manifests have no %q", path, other.value, other.want)
		}
	}
	wantNone(t, rendered, "podAntiAffinity",
		// The webhook owns it.
		"caBundle:",
		// Rights that nothing of this needs.
		"azure-wi-webhook-mutating-webhook-configuration", "secrets]\n    resourceNames", "update", "resources: [configmaps]")
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
			t.Errorf("nothing shows what the chart's value %s does", path)
		}
	}
}

// Images come from one registry with one tag, where they are not named one by one.
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
	wantNone(t, rendered, "resources: [pods]\n    verbs: [get", "resources: [events]")
}

func wantNone(t *testing.T, text string, unwanted ...string) {
	t.Helper()
	for _, u := range unwanted {
		if strings.Contains(text, u) {
			t.Errorf("the rendered chart has %q", u)
		}
	}
}

// The CA of the token endpoint has one source at a time; those that TestChartValues has not.
func TestChartTokenEndpointCA(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"ca":          "--token-endpoint-ca-file=/etc/azure-cert-sync/token-endpoint-ca/ca.crt",
		"caConfigMap": "--token-endpoint-ca-configmap=it",
	} {
		rendered, err := render(t, map[string]any{"identity": map[string]any{"tokenEndpoint": map[string]any{
			"url": "https://proxy.example.com", "suffix": "bound", source: "it"}}})
		if err != nil || !strings.Contains(rendered, want) {
			t.Errorf("with %s the manifests have no %q (%v)", source, want, err)
		}
	}
}

// Values that would have no effect, or that the webhook would not start with, are refused before
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
			t.Errorf("%s %v: %v, want it to be refused for %s", path, test.value, err, test.want)
		}
	}
}

// render returns the manifests that both versions of Helm make of values.
func render(t *testing.T, values map[string]any) (string, error) {
	t.Helper()
	text, err := yaml.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	return renderYAML(t, string(text))
}

// renderYAML does the same with values as people write them. The error is that of Helm 4.
func renderYAML(t *testing.T, values string) (string, error) {
	t.Helper()
	rendered, err := testEnv.Manifests(testContext(t), testEnv.Cluster.Helm, values)
	rendered3, err3 := testEnv.Manifests(testContext(t), testEnv.Cluster.Helm3, values)
	if (err == nil) != (err3 == nil) {
		t.Errorf("only one version of Helm renders %q: %v, %v", values, err, err3)
	}
	if diff := cmp.Diff(objects(rendered3), objects(rendered)); diff != "" {
		t.Errorf("the versions of Helm render %q differently (-3 +4):\n%s", values, diff)
	}
	return rendered, err
}

// objects returns the manifests one by one, without blank lines, in an order that does not depend
// on the version of Helm.
func objects(manifests string) []string {
	list := strings.Split(strings.ReplaceAll(manifests, "\n\n", "\n"), "---\n")
	slices.Sort(list)
	return list
}

// set sets the value at a path of keys with dots between them. The last key may contain dots where
// its prefix is that of a label.
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
