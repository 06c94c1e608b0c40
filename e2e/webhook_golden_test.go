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

// goldenCase is a case of package inject: an input, and what is to become of it.
type goldenCase struct {
	Pod            map[string]any    `json:"pod"`
	ServiceAccount map[string]string `json:"serviceAccount"`
	ConfigMap      *struct {
		Missing bool              `json:"missing"`
		Data    map[string]string `json:"data"`
	} `json:"configMap"`
	// Cases with any of these are about another cluster or another chart than the environment's.
	After, Options, Chart, Minor, Namespace, TokenEndpointSuffix any

	want struct {
		Denied   string         `json:"denied"`
		Warnings []string       `json:"warnings"`
		Pod      map[string]any `json:"pod"`
	}
}

const goldenFolder = "../webhook/internal/inject/testdata"

// unreal are cases of pods that no API server lets anyone create, with a webhook or without.
var unreal = []string{"identity/ephemeral-containers", "sidecar/annotations-with-slashes"}

// The cases of package inject hold on a cluster: the API server accepts what it should, stores in
// the pod whatever the golden file has, and gives the user the same texts.
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

// invented is a field that some cases have, which the API server drops before it asks webhooks.
const invented = "futureField"

// readGolden returns nil for a case of another cluster or chart.
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
		return nil // the webhook may not read ConfigMaps there
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
			t.Errorf("the API server answers\n%v\nwant\n%s", err, here(c.want.Denied))
		}
		return
	}
	if err != nil {
		t.Fatalf("the pod is refused: %v", err)
	}
	for _, w := range c.want.Warnings {
		if !slices.Contains(a.Warnings, here(w)) {
			t.Errorf("no warning says\n%s\nbut these:\n%q", here(w), a.Warnings)
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

// prepare creates the objects of a case, and makes its pod one that the API server sends to the
// webhook. It returns what turns the names of the cases, service account web of namespace shop,
// into those of this one.
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

// rewrite returns a copy with all strings rewritten.
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

// forget leaves out what the chart of the environment makes different, and settings, which it has a
// default for.
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

// missing tells what of want is not in got. Members and elements that got has besides are the API
// server's; elements keep their order.
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
