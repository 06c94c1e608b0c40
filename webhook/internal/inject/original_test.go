package inject_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// TestBesideOriginal runs the original webhook before and after this one. The pods may differ only
// in the order of lists, whichever webhook injects identity. The API server calls a webhook again
// if another one changed the pod after it.
func TestBesideOriginal(t *testing.T) {
	for _, name := range []string{
		"identity/plain", "identity/init-containers", "identity/variables-set", "identity/generate-name",
		"sidecar/native", "sidecar/regular", "sidecar/mesh-istio", "stores/two",
	} {
		for _, injectIdentity := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/inject identity %t", name, injectIdentity), func(t *testing.T) {
				t.Parallel()
				in := readInput(t, "testdata/"+name+".in.yaml")
				in.Options.InjectIdentity = injectIdentity
				raw, err := json.Marshal(decode(t, in.Pod)) // the original re-encodes the pod with the types that it knows
				if err != nil {
					t.Fatal(err)
				}
				ours := func(raw []byte) []byte {
					r, err := in.run(decode(t, raw))
					if err != nil {
						t.Fatal(err)
					}
					return patched(t, raw, r)
				}
				for version, hashed := range map[string]bool{"v1.6.0": false, "later": true} {
					first := original(t, ours(original(t, raw, hashed)), hashed)
					last := ours(original(t, ours(raw), hashed))
					if diff := cmp.Diff(unordered(t, first), unordered(t, last)); diff != "" {
						t.Errorf("%s (-original first +original last):\n%s", version, diff)
					}
					for _, after := range [][]byte{first, last} {
						checkValid(t, decode(t, after))
						checkTokens(t, decode(t, after))
					}
				}
			})
		}
	}
}

// checkTokens checks that each container has its token at the path in its variable.
func checkTokens(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		for _, e := range c.Env {
			if e.Name == "AZURE_FEDERATED_TOKEN_FILE" && !slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool {
				return m.MountPath+"/token/azure-identity-token" == e.Value || m.MountPath+"/azure-identity-token" == e.Value
			}) {
				t.Errorf("container %s has no token at %s: %v", c.Name, e.Value, c.VolumeMounts)
			}
		}
	}
}

// original changes a pod as Azure Workload Identity v1.6.0 does, or with hashed, as later versions
// do: they mount the token at a different path in each pod.
func original(t *testing.T, raw []byte, hashed bool) []byte {
	t.Helper()
	pod := decode(t, raw)
	name := pod.Name
	if name == "" {
		name = pod.GenerateName + " (prefix)"
	}
	volume := fmt.Sprintf("azure-workload-identity-reserved-%x", sha256.Sum256([]byte(name)))[:63]
	mountPath := "/var/run/secrets/azure/wi"
	if hashed {
		mountPath += "/" + strings.TrimPrefix(volume, "azure-workload-identity-reserved-")
	}
	seconds := int64(3600)
	replaceOrAdd(&pod.Spec.Volumes, corev1.Volume{Name: volume, VolumeSource: corev1.VolumeSource{
		Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{{
			ServiceAccountToken: &corev1.ServiceAccountTokenProjection{
				Path: "token/azure-identity-token", Audience: "api://AzureADTokenExchange", ExpirationSeconds: &seconds,
			},
		}}},
	}}, func(v corev1.Volume) string { return v.Name })
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			for _, v := range []corev1.EnvVar{
				{Name: "AZURE_CLIENT_ID", Value: clientID},
				{Name: "AZURE_TENANT_ID", Value: "aaaabbbb-0000-cccc-1111-dddd2222eeee"},
				{Name: "AZURE_FEDERATED_TOKEN_FILE", Value: mountPath + "/token/azure-identity-token"},
				{Name: "AZURE_AUTHORITY_HOST", Value: "https://login.microsoftonline.com/"},
			} {
				if !slices.ContainsFunc(list[i].Env, func(e corev1.EnvVar) bool { return e.Name == v.Name }) {
					list[i].Env = append(list[i].Env, v)
				}
			}
			replaceOrAdd(&list[i].VolumeMounts, corev1.VolumeMount{Name: volume, MountPath: mountPath, ReadOnly: true},
				func(m corev1.VolumeMount) string { return m.Name })
		}
	}
	out, err := json.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func replaceOrAdd[T any](list *[]T, element T, name func(T) string) {
	for i := range *list {
		if name((*list)[i]) == name(element) {
			(*list)[i] = element
			return
		}
	}
	*list = append(*list, element)
}

// unordered returns a pod with its lists sorted, except those of containers, whose order matters.
func unordered(t *testing.T, raw []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return sortLists(v, "")
}

func sortLists(v any, key string) any {
	switch v := v.(type) {
	case map[string]any:
		for k, child := range v {
			v[k] = sortLists(child, k)
		}
	case []any:
		for i := range v {
			v[i] = sortLists(v[i], "")
		}
		if !strings.HasSuffix(strings.ToLower(key), "containers") {
			slices.SortFunc(v, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
	}
	return v
}
