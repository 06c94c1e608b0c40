package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// goldenCase is a test case of package inject: an input and the wanted result.
type goldenCase struct {
	Pod            map[string]any    `json:"pod"`
	ServiceAccount map[string]string `json:"serviceAccount"`
	ConfigMap      *struct {
		Missing bool              `json:"missing"`
		Data    map[string]string `json:"data"`
	} `json:"configMap"`
	// Cases with any of these options need another cluster or other chart values.
	After, Options, Chart, Minor, Namespace, TokenEndpointSuffix any

	want struct {
		Denied   string         `json:"denied"`
		Warnings []string       `json:"warnings"`
		Pod      map[string]any `json:"pod"`
	}
}

const goldenFolder = "../webhook/internal/inject/testdata"

// unreal are cases with pods that the API server refuses, with or without a webhook.
var unreal = []string{"identity/ephemeral-containers", "sidecar/annotations-with-slashes"}

// The cases of package inject also hold on a cluster: the API server accepts the same pods, stores
// everything that the golden file contains, and returns the same texts.
func TestGoldenCases(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(goldenFolder + "/*/*.in.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in %s: %v", goldenFolder, err)
	}
	namespace := newNamespace(t, "golden", "privileged", nil)
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(file, goldenFolder+"/"), ".in.yaml")
		c := readGolden(t, file)
		if c == nil || slices.Contains(unreal, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.check(t, namespace, strings.ReplaceAll(name, "/", "-"))
		})
	}
}

// invented is a field of some cases that the API server drops before it calls webhooks.
const invented = "futureField"

// readGolden returns nil for a case that needs another cluster or chart.
func readGolden(t *testing.T, file string) *goldenCase {
	t.Helper()
	c := &goldenCase{}
	for path, into := range map[string]any{file: c, strings.TrimSuffix(file, ".in.yaml") + ".golden.yaml": &c.want} {
		data, err := os.ReadFile(path)
		if err == nil {
			err = yaml.Unmarshal(data, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, other := range []any{c.After, c.Options, c.Chart, c.Minor, c.Namespace, c.TokenEndpointSuffix} {
		if other != nil {
			return nil
		}
	}
	if c.configMapName() != "" && c.ConfigMap == nil {
		return nil // in that case the webhook may not read ConfigMaps
	}
	return c
}

func (c *goldenCase) check(t *testing.T, namespace, account string) {
	here := c.prepare(t, namespace, account)
	pod, err := json.Marshal(c.Pod)
	if err != nil {
		t.Fatal(err)
	}
	a, err := testEnv.AdmitJSON(testContext(t), namespace, pod)
	if c.want.Denied != "" {
		if err == nil || !strings.Contains(err.Error(), here(c.want.Denied)) {
			t.Errorf("the API server's error is\n%v\nwant\n%s", err, here(c.want.Denied))
		}
		return
	}
	if err != nil {
		t.Fatalf("the pod was refused: %v", err)
	}
	for _, w := range c.want.Warnings {
		if !slices.Contains(a.Warnings, here(w)) {
			t.Errorf("missing warning\n%s\nin\n%q", here(w), a.Warnings)
		}
	}
	var got map[string]any
	if err := json.Unmarshal(a.JSON, &got); err != nil {
		t.Fatal(err)
	}
	for _, difference := range missing("", rewrite(forget(c.want.Pod), here), got) {
		t.Error(difference)
	}
}

// prepare creates the objects of a case, and changes its pod so that the API server sends it to the
// webhook. It returns the function that replaces the names in the case (service account web in
// namespace shop) with those of this test.
func (c *goldenCase) prepare(t *testing.T, namespace, account string) (here func(string) string) {
	t.Helper()
	identity := annotated(contract.AnnotationClientID, clientID, contract.AnnotationTenantID, "aaaabbbb-0000-cccc-1111-dddd2222eeee")
	maps.Copy(identity, c.ServiceAccount)
	newServiceAccount(t, namespace, account, identity)
	renamed := []string{"shop/web", namespace + "/" + account,
		"serviceaccount web --namespace shop", "serviceaccount " + account + " --namespace " + namespace}
	if c.ConfigMap != nil && !c.ConfigMap.Missing {
		name, unique := c.configMapName(), "settings-"+account
		newConfigMap(t, namespace, unique, c.ConfigMap.Data)
		renamed = append(renamed, name, unique)
		c.Pod = rewrite(c.Pod, strings.NewReplacer(name, unique).Replace).(map[string]any)
	}
	metadata, spec := c.Pod["metadata"].(map[string]any), c.Pod["spec"].(map[string]any)
	labels, _ := metadata["labels"].(map[string]any)
	metadata["labels"] = map[string]any{contract.LabelUse: "true"}
	maps.Copy(metadata["labels"].(map[string]any), labels)
	if spec["serviceAccountName"] == nil {
		spec["serviceAccountName"] = account
	}
	return strings.NewReplacer(renamed...).Replace
}

// configMapName returns the name of the ConfigMap with the pod's settings, or "".
func (c *goldenCase) configMapName() string {
	annotations, _ := c.Pod["metadata"].(map[string]any)["annotations"].(map[string]any)
	name, _ := annotations[contract.Prefix+contract.KeySettingsConfigMap].(string)
	return name
}

// rewrite returns a copy in which all strings are rewritten.
func rewrite(v any, text func(string) string) any {
	switch v := v.(type) {
	case map[string]any:
		m := map[string]any{}
		for key, value := range v {
			m[key] = rewrite(value, text)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = rewrite(v[i], text)
		}
		return list
	case string:
		return text(v)
	}
	return v
}

// forget removes what differs because of the environment's chart values, and the settings, for
// which the chart has a default.
func forget(pod map[string]any) map[string]any {
	annotations, _ := pod["metadata"].(map[string]any)["annotations"].(map[string]any)
	delete(annotations, contract.Prefix+contract.KeySettingsHash)
	for _, list := range []string{"initContainers", "containers"} {
		containers, _ := pod["spec"].(map[string]any)[list].([]any)
		for _, c := range containers {
			c := c.(map[string]any)
			name, _ := c["name"].(string)
			if name != contract.ContainerName && name != contract.InitContainerName && name != contract.IMDSContainerName {
				continue
			}
			delete(c, "image")
			env, _ := c["env"].([]any)
			c["env"] = slices.DeleteFunc(env, func(v any) bool { return v.(map[string]any)["name"] == contract.EnvSettings })
		}
	}
	return pod
}

// missing describes what want contains and got does not. Got may contain more members and elements,
// which the API server adds. Elements must be in the same order.
func missing(path string, want, got any) (differences []string) {
	switch want := want.(type) {
	case map[string]any:
		object, _ := got.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(want)) {
			if key == invented {
				continue
			}
			differences = append(differences, missing(path+"/"+key, want[key], object[key])...)
		}
	case []any:
		list, _ := got.([]any)
		for i, element := range want {
			at := slices.IndexFunc(list, func(g any) bool { return len(missing("", element, g)) == 0 })
			if at < 0 {
				return append(differences, fmt.Sprintf("%s/%d: %v is missing in its place, or differs: %v", path, i, element, got))
			}
			list = list[at+1:]
		}
	default:
		if fmt.Sprint(want) != fmt.Sprint(got) {
			differences = append(differences, fmt.Sprintf("%s: %v, want %v", path, got, want))
		}
	}
	return differences
}
