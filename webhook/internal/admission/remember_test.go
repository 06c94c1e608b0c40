package admission

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/inject"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/memo"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

// injectCase is a case of package inject, which has all kinds of pods.
type injectCase struct {
	Pod   json.RawMessage `json:"pod"`
	After struct {
		Case string          `json:"case"`
		Edit jsonpatch.Patch `json:"edit"`
	} `json:"after"`
	ServiceAccount      map[string]string   `json:"serviceAccount"`
	Namespace           map[string]string   `json:"namespace"`
	Chart               map[string]string   `json:"chart"`
	ConfigMap           *settings.ConfigMap `json:"configMap"`
	Minor               int                 `json:"minor"`
	TokenEndpointSuffix string              `json:"tokenEndpointSuffix"`
	Options             inject.Options      `json:"options"`
}

func readInjectCase(t *testing.T, file string) *injectCase {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	in := &injectCase{
		ServiceAccount: map[string]string{"azure.workload.identity/client-id": "00001111-aaaa-2222-bbbb-3333cccc4444"},
		Minor:          33, Options: *testConfig().Options(),
	}
	if err := yaml.UnmarshalStrict(text, in); err != nil {
		t.Fatal(err)
	}
	in.Options.Native = inject.NativeSupportOf(1, in.Minor)
	if in.Pod != nil { // package inject does not look at the label
		label := []byte(`{"metadata":{"labels":{"azure.workload.identity/use":"true"}}}`)
		if in.Pod, err = jsonpatch.MergePatch(in.Pod, label); err != nil {
			t.Fatal(err)
		}
	}
	if in.After.Case != "" {
		before := readInjectCase(t, filepath.Join(injectCases, in.After.Case+".in.yaml"))
		response := responseOf(t, post(testHandler(before.config()), reviewOf(before.Pod, 0)))
		patch, err := jsonpatch.DecodePatch(response.Response.Patch)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []jsonpatch.Patch{patch, in.After.Edit} {
			if in.Pod, err = p.Apply(before.Pod); err != nil {
				t.Fatal(err)
			}
			before.Pod = in.Pod
		}
	}
	return in
}

const injectCases = "../inject/testdata"

func (in *injectCase) config() *Config {
	annotations := func(m map[string]string) Annotations {
		return func(context.Context, string, string) (map[string]string, error) { return maps.Clone(m), nil }
	}
	c := testConfig()
	c.ServiceAccount, c.Namespace = annotations(in.ServiceAccount), annotations(in.Namespace)
	c.Options = func() *inject.Options { return &in.Options }
	c.Defaults, c.TokenEndpointSuffix = in.Chart, in.TokenEndpointSuffix
	if in.ConfigMap != nil {
		c.ConfigMap = func(context.Context, string, string) (*settings.ConfigMap, error) { return in.ConfigMap, nil }
	}
	return c
}

// variable are the parts of a review that differ between pods of one ReplicaSet.
var variable = [][]string{
	{"UID", "705ab4f5-6393-11e8-b7cc-42010a800002", "805ab4f5-6393-11e8-b7cc-42010a800002", "905ab4f5-6393-11e8-b7cc-42010a80000x", "a"},
	{"TIME", "2026-11-22T03:00:00Z", "2026-11-23T03:00:00Z", "2027-01-01T00:00:59Z", "1970-01-01T00:00:00Z"},
	{"SUFFIX", "x7k2p", "aaaaa", "9qqvz", "token"},
}

// reviewOf returns a review for a pod whose variable parts depend on n.
func reviewOf(pod []byte, n int) string {
	text := `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"UID",` +
		`"resource":{"group":"","version":"v1","resource":"pods"},"namespace":"shop","operation":"CREATE","object":` +
		string(pod) + `}}`
	for _, v := range variable {
		text = strings.ReplaceAll(text, v[0], v[1+n%(len(v)-1)])
	}
	return text
}

// withToken returns the pod with the volume of the service account's token, and managed fields.
func (in *injectCase) withToken(t *testing.T) []byte {
	t.Helper()
	var pod map[string]any
	if err := json.Unmarshal(in.Pod, &pod); err != nil {
		t.Fatal(err)
	}
	metadata, _ := pod["metadata"].(map[string]any)
	spec, _ := pod["spec"].(map[string]any)
	if metadata == nil || spec == nil {
		return in.Pod
	}
	metadata["managedFields"] = []any{json.RawMessage(`{"time":"TIME","fieldsType":"FieldsV1"}`)}
	volumes, _ := spec["volumes"].([]any)
	spec["volumes"] = append(volumes, json.RawMessage(`{"name":"kube-api-access-SUFFIX","projected":{"sources":[]}}`))
	for _, list := range []string{"initContainers", "containers"} {
		containers, _ := spec[list].([]any)
		for _, c := range containers {
			container := c.(map[string]any)
			mounts, _ := container["volumeMounts"].([]any)
			container["volumeMounts"] = append(mounts,
				json.RawMessage(`{"name":"kube-api-access-SUFFIX","mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}`))
		}
	}
	text, err := json.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func remembered(h *Handler, review string) bool {
	r, ok := memo.Parse([]byte(review))
	if ok {
		_, ok = h.memo.Get(r.Key)
	}
	return ok
}

// TestRepeatedResponses sends all pods of package inject several times, and compares the responses
// byte for byte with those of a handler that has seen nothing before.
func TestRepeatedResponses(t *testing.T) {
	files, err := filepath.Glob(injectCases + "/*/*.in.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	total := 0
	for _, file := range files {
		in := readInjectCase(t, file)
		h := testHandler(in.config())
		for n := range 4 {
			review := reviewOf(in.withToken(t), n)
			if n >= 2 && remembered(h, review) {
				total++
			}
			want, got := post(testHandler(in.config()), review), post(h, review)
			if diff := cmp.Diff(want.Body.String(), got.Body.String()); diff != "" || want.Code != got.Code {
				t.Errorf("%s, request %d: HTTP %d (-first +repeated):\n%s", file, n, got.Code, diff)
			}
			if diff := cmp.Diff(want.Header(), got.Header()); diff != "" {
				t.Errorf("%s, request %d (-first +repeated):\n%s", file, n, diff)
			}
		}
	}
	if total < len(files) {
		t.Errorf("only %d responses of %d cases came from memory", total, len(files))
	}
}

// TestRepeatedResponseIsCurrent changes what a remembered response depends on.
func TestRepeatedResponseIsCurrent(t *testing.T) {
	account, namespace := map[string]string{"azure.workload.identity/client-id": "a"}, map[string]string{}
	options := *testConfig().Options()
	config := func() *Config {
		c := testConfig()
		c.ServiceAccount = func(context.Context, string, string) (map[string]string, error) { return maps.Clone(account), nil }
		c.Namespace = func(context.Context, string, string) (map[string]string, error) { return maps.Clone(namespace), nil }
		current := options
		c.Options = func() *inject.Options { return &current }
		return c
	}
	h := testHandler(config())
	review := sampleReview(t)
	check := func(step string) {
		t.Helper()
		for range 3 {
			want, got := post(testHandler(config()), review), post(h, review)
			if diff := cmp.Diff(want.Body.String(), got.Body.String()); diff != "" {
				t.Fatalf("%s (-first +repeated):\n%s", step, diff)
			}
		}
		if !remembered(h, review) {
			t.Fatalf("%s: the response is not remembered", step)
		}
	}
	check("before")
	account = map[string]string{"azure.workload.identity/client-id": "b"}
	check("another client ID")
	account["certsync.azure.workload.identity/polling-interval"] = "1h"
	check("another setting of the service account")
	namespace = map[string]string{"openshift.io/sa.scc.uid-range": "2000/10"}
	check("another user range")
	options.Image = "registry.example.com/sidecar:2"
	h.config.Options = config().Options
	check("another image")
}

// TestNotRepeated checks that a response is not repeated if it depends on more than its request and
// the annotations.
func TestNotRepeated(t *testing.T) {
	c := testConfig()
	reads := 0
	c.ConfigMap = func(context.Context, string, string) (*settings.ConfigMap, error) {
		reads++
		return &settings.ConfigMap{Data: map[string]string{"settings.json": `{"secretsManagementSettings":{"observedCertificates":[` +
			`"https://vault-one.vault.azure.net/secrets/c1"]}}`}}, nil
	}
	review := sampleReview(t, `certificates":"https://vault-one.vault.azure.net/secrets/c1"`, `settings-configmap":"web-certs"`)
	h := testHandler(c)
	for range 3 {
		if r := responseOf(t, post(h, review)); !r.Response.Allowed {
			t.Fatal(r.Response.Result)
		}
	}
	if reads != 3 || remembered(h, review) {
		t.Errorf("the ConfigMap was read %d times", reads)
	}
	denied := sampleReview(t, "https://vault-one", "http://vault-one")
	for range 3 {
		if r := responseOf(t, post(h, denied)); r.Response.Allowed {
			t.Fatal("want a denial")
		}
	}
	if remembered(h, denied) {
		t.Error("a denial is remembered")
	}
}
