package inject_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/inject"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

var update = flag.Bool("update", false, "write the golden files")

// input is the content of a file in testdata: a pod, its service account and namespace, and the
// webhook's configuration.
type input struct {
	// Pod is the text from the file, so that it keeps unknown fields.
	Pod json.RawMessage `json:"pod"`
	// After replaces Pod: the pod of another case, after injection and an edit by somebody else.
	After struct {
		Case string          `json:"case"`
		Edit jsonpatch.Patch `json:"edit"`
	} `json:"after"`
	// ServiceAccount, Namespace and Chart are annotations. ServiceAccount has a client ID by
	// default. Namespace also has the Pod Security label.
	ServiceAccount map[string]string   `json:"serviceAccount"`
	Namespace      map[string]string   `json:"namespace"`
	Chart          map[string]string   `json:"chart"`
	ConfigMap      *settings.ConfigMap `json:"configMap"`
	// Minor is the API server's minor version.
	Minor int `json:"minor"`
	// TokenEndpointSuffix is the suffix of the annotation use-<suffix>.
	TokenEndpointSuffix string         `json:"tokenEndpointSuffix"`
	Options             inject.Options `json:"options"`
}

// output is the content of a golden file.
type output struct {
	Denied     string   `json:"denied,omitempty"`
	Warnings   []string `json:"warnings,omitempty"`
	Operations []string `json:"operations,omitempty"`
	Pod        any      `json:"pod,omitempty"`
}

const clientID = "00001111-aaaa-2222-bbbb-3333cccc4444"

func readInput(t testing.TB, file string) *input {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	in := &input{
		ServiceAccount: map[string]string{"azure.workload.identity/client-id": clientID},
		Minor:          33,
		Options: inject.Options{
			InjectIdentity: true,
			AuthorityHost:  "https://login.microsoftonline.com/",
			Image:          "registry.example/certsync:1",
			StartAfter: []string{"istio-init", "istio-validation", "istio-proxy",
				"linkerd-network-validator", "linkerd-init", "linkerd-proxy",
				"kuma-init", "kuma-validation", "kuma-sidecar", "consul-connect-inject-init", "consul-dataplane"},
		},
	}
	if err := yaml.UnmarshalStrict(data, in); err != nil {
		t.Fatal(err)
	}
	in.Options.Native = inject.NativeSupportOf(1, in.Minor)
	if in.After.Case != "" {
		before := readInput(t, filepath.Join("testdata", in.After.Case+".in.yaml"))
		r, err := before.run(decode(t, before.Pod))
		if err != nil {
			t.Fatal(err)
		}
		if in.Pod, err = in.After.Edit.Apply(patched(t, before.Pod, r)); err != nil {
			t.Fatal(err)
		}
	}
	return in
}

// run injects the pod as admission does.
func (in *input) run(pod *corev1.Pod) (inject.Result, error) {
	id, err := settings.ResolveIdentity(settings.IdentityInput{
		Pod: pod.Annotations, ServiceAccount: in.ServiceAccount, Namespace: "shop", ServiceAccountName: "web",
		DefaultTenantID: "aaaabbbb-0000-cccc-1111-dddd2222eeee", TokenEndpointSuffix: in.TokenEndpointSuffix,
		PodSecurity: in.Namespace["pod-security.kubernetes.io/enforce"],
	})
	if err != nil {
		return inject.Result{}, err
	}
	s, err := settings.Resolve(
		settings.Sources{Pod: pod.Annotations, ServiceAccount: in.ServiceAccount, Namespace: in.Namespace, Chart: in.Chart},
		settings.Options{AllowedVaults: in.Options.AllowedVaults, ConfigMap: in.ConfigMap, Endpoint: inject.WantsEndpoint(pod, id, &in.Options),
			UserRange: in.Namespace["openshift.io/sa.scc.uid-range"]})
	if err != nil {
		return inject.Result{}, err
	}
	return inject.Pod(pod, id, s, &in.Options)
}

func decode(t testing.TB, raw []byte) *corev1.Pod {
	t.Helper()
	var pod corev1.Pod
	if err := json.Unmarshal(raw, &pod); err != nil {
		t.Fatal(err)
	}
	return &pod
}

// patched applies the operations to the JSON text, as the API server does.
func patched(t testing.TB, raw []byte, r inject.Result) []byte {
	t.Helper()
	if len(r.Patch) == 0 {
		return raw
	}
	encoded, err := r.Patch.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := jsonpatch.DecodePatch(encoded)
	if err != nil {
		t.Fatal(err)
	}
	after, err := decoded.Apply(raw)
	if err != nil {
		t.Fatalf("applying %s: %v", encoded, err)
	}
	return after
}

func inputs(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*/*.in.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no inputs: %v", err)
	}
	return files
}

// TestGolden compares the result for each pod in testdata with the golden file next to it.
func TestGolden(t *testing.T) {
	for _, file := range inputs(t) {
		t.Run(caseName(file), func(t *testing.T) {
			t.Parallel()
			in := readInput(t, file)
			var out output
			r, err := in.run(decode(t, in.Pod))
			if err != nil {
				out.Denied = err.Error()
				isDenial(t, err)
			} else {
				out.Warnings = r.Warnings
				for _, op := range r.Patch {
					out.Operations = append(out.Operations, strings.TrimSpace(op.Op+" "+op.From)+" "+op.Path)
				}
				if err := json.Unmarshal(patched(t, in.Pod, r), &out.Pod); err != nil {
					t.Fatal(err)
				}
			}
			got, err := yaml.Marshal(out)
			if err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(file, ".in.yaml") + ".golden.yaml"
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("(-want +got), -update accepts it:\n%s", diff)
			}
		})
	}
}

// isDenial checks that admission would treat an error as a denial.
func isDenial(t testing.TB, err error) {
	t.Helper()
	var denied *inject.Denied
	var annotation *settings.Error
	if !errors.As(err, &denied) && !errors.As(err, &annotation) {
		t.Errorf("error of type %T is not a denial: %v", err, err)
	}
}

func caseName(file string) string {
	return strings.TrimSuffix(strings.TrimPrefix(file, "testdata/"), ".in.yaml")
}
