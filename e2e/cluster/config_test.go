package cluster

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

func TestRenderConfig(t *testing.T) {
	values := configValues{
		State: "/state", Name: "certsync-golden", Runc: "/usr/sbin/runc", CNI: cniPlugins, PauseImage: pauseReference,
		NodeName: nodeName, NodeIP: nodeIP, PodNetwork: podNetwork, NodePodNetwork: nodePodNetwork,
	}
	for source, target := range configFiles {
		t.Run(source, func(t *testing.T) {
			got, err := renderConfig(source, values)
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata/config", filepath.Base(target))
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
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestOptions(t *testing.T) {
	for name, good := range map[string]bool{
		"":                    true,
		"certsync-e2e":        true,
		"certsync-a1":         true,
		"certsync-":           false,
		"certsync-x-":         false,
		"certsync-../../etc":  false,
		"kube-system":         false,
		"certsync-Up":         false,
		"certsync-e2e/nested": false,
	} {
		if _, err := (Options{Name: name}).withDefaults(); (err == nil) != good {
			t.Errorf("name %q: error %v, want accepted: %t", name, err, good)
		}
	}
}

func TestLastLines(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"one\n", "one"},
		{"one\ntwo\nthree\n", "two\nthree"},
		{"one\ntwo\nthree", "two\nthree"},
	} {
		if got := string(lastLines([]byte(test.text), 2)); got != test.want {
			t.Errorf("lastLines(%q, 2) = %q, want %q", test.text, got, test.want)
		}
	}
}
