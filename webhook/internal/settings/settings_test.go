package settings_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

var update = flag.Bool("update", false, "write the golden files")

// input is an input file of testdata: annotations without the prefix, by level.
type input struct {
	Pod, ServiceAccount, Namespace, Chart map[string]string
	AllowedVaults                         []string
	ConfigMap                             *settings.ConfigMap
}

// output is a golden file.
type output struct {
	Errors    []string `json:"errors,omitempty"`
	ConfigMap string   `json:"configMapName,omitempty"`
	Source    string   `json:"source,omitempty"`
	// Variable is the value of CERTSYNC_SETTINGS.
	Variable string            `json:"variable,omitempty"`
	Stores   []string          `json:"stores,omitempty"`
	Others   map[string]string `json:"others,omitempty"`
	Warnings []string          `json:"warnings,omitempty"`
}

const prefix = "certsync.azure.workload.identity/"

func (in *input) sources() settings.Sources {
	prefixed := func(m map[string]string) map[string]string {
		out := map[string]string{"other.example/annotation": "x"}
		for k, v := range m {
			out[prefix+k] = v
		}
		return out
	}
	return settings.Sources{
		Pod: prefixed(in.Pod), ServiceAccount: prefixed(in.ServiceAccount), Namespace: prefixed(in.Namespace), Chart: in.Chart,
	}
}

func (in *input) run(t testing.TB) (out output) {
	t.Helper()
	out.ConfigMap = settings.ConfigMapName(in.sources())
	r, err := settings.Resolve(in.sources(), settings.Options{AllowedVaults: in.AllowedVaults, ConfigMap: in.ConfigMap})
	if err != nil {
		var all settings.Errors
		if !errors.As(err, &all) || len(all) == 0 {
			t.Fatalf("got an error of type %T: %v", err, err)
		}
		for _, e := range all {
			out.Errors = append(out.Errors, e.Error())
		}
		return out
	}
	out.Source, out.Stores, out.Warnings = r.Source, r.Stores, r.Warnings
	if r.Config == nil {
		return out
	}
	if out.Variable, _, err = r.Encode(settings.Placement{}); err != nil {
		out.Errors = []string{err.Error()}
	}
	out.Others = others(r)
	return out
}

func others(r *settings.Resolved) map[string]string {
	all := make(map[string]string)
	for _, v := range []settings.Value{r.NativeSource, r.Port, r.ReloadSignal, r.CPU.Request, r.CPU.Limit, r.Memory.Request, r.Memory.Limit,
		r.Storage.Request, r.Storage.Limit} {
		if v.Given() {
			all[v.Key] = v.Text + ", " + v.Level.String()
		}
	}
	if r.KeystoreSecret != "" {
		all["keystore"] = r.KeystoreSecret + ", key " + r.KeystoreKey
	}
	return all
}

// TestGolden resolves the annotations of each input file and compares the result with a golden
// file.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.in.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("found no input files: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(file, ".in.yaml")
		t.Run(strings.TrimPrefix(name, "testdata/"), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var in input
			if err := yaml.UnmarshalStrict(data, &in); err != nil {
				t.Fatal(err)
			}
			got, err := yaml.Marshal(in.run(t))
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(name+".golden.yaml", got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name + ".golden.yaml")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("%s.golden.yaml differs (-want +got), -update writes it:\n%s", name, diff)
			}
		})
	}
}
