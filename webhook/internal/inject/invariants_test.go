package inject_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/inject"
)

// TestSecondInjection checks for each pod in testdata that injecting the patched pod again changes
// nothing. The API server calls the webhook again after another webhook changed the pod, and people
// copy injected pods.
func TestSecondInjection(t *testing.T) {
	forEachAdmitted(t, func(t *testing.T, in *input, after []byte) {
		r, err := in.run(decode(t, after))
		if err != nil {
			t.Fatalf("denied: %v", err)
		}
		for _, op := range r.Patch {
			t.Errorf("%s %s %v", op.Op, op.Path, op.Value)
		}
	})
}

// TestUnknownFieldsSurvive adds an unknown field to every object of each pod in testdata. The patch
// must keep each field in its place, and the pod must be the same otherwise.
func TestUnknownFieldsSurvive(t *testing.T) {
	forEachAdmitted(t, func(t *testing.T, in *input, plain []byte) {
		var pod any
		if err := json.Unmarshal(in.Pod, &pod); err != nil {
			t.Fatal(err)
		}
		unknown := addUnknown(pod)
		raw, err := json.Marshal(pod)
		if err != nil {
			t.Fatal(err)
		}
		r, err := in.run(decode(t, raw))
		if err != nil {
			t.Fatal(err)
		}
		var got, want any
		if err := json.Unmarshal(patched(t, raw, r), &got); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(plain, &want); err != nil {
			t.Fatal(err)
		}
		if left := removeUnknown(got); left != unknown-countRemoved(t, raw, r.Patch) {
			t.Errorf("%d of %d unknown fields survived", left, unknown)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("apart from the unknown fields (-want +got):\n%s", diff)
		}
	})
}

const unknownField = "unknownField"

// addUnknown adds a field to every object of a pod, except maps such as labels and quantities. It
// returns their number.
func addUnknown(v any) (count int) {
	switch v := v.(type) {
	case map[string]any:
		for key, child := range v {
			switch key {
			case "annotations", "labels", "nodeSelector", "limits", "requests", "matchLabels":
			default:
				count += addUnknown(child)
			}
		}
		v[unknownField] = map[string]any{"kept": true}
		count++
	case []any:
		for _, child := range v {
			count += addUnknown(child)
		}
	}
	return count
}

// removeUnknown removes the fields that addUnknown added and returns their number.
func removeUnknown(v any) (count int) {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v[unknownField]; ok {
			delete(v, unknownField)
			count++
		}
		for _, child := range v {
			count += removeUnknown(child)
		}
	case []any:
		for _, child := range v {
			count += removeUnknown(child)
		}
	}
	return count
}

// countRemoved returns the number of unknown fields in what the operations remove. They only remove
// what this package added.
func countRemoved(t *testing.T, raw []byte, ops inject.Patch) (count int) {
	t.Helper()
	for i, op := range ops {
		if op.Op != "remove" {
			continue
		}
		var doc any
		if err := json.Unmarshal(patched(t, raw, inject.Result{Patch: ops[:i]}), &doc); err != nil {
			t.Fatal(err)
		}
		for token := range strings.SplitSeq(strings.TrimPrefix(op.Path, "/"), "/") {
			switch v := doc.(type) {
			case map[string]any:
				doc = v[strings.ReplaceAll(token, "~1", "/")]
			case []any:
				index, err := strconv.Atoi(token)
				if err != nil {
					t.Fatal(err)
				}
				doc = v[index]
			}
		}
		count += removeUnknown(doc)
	}
	return count
}

// TestValid checks that patched pods keep the rules of the API server.
func TestValid(t *testing.T) {
	forEachAdmitted(t, func(t *testing.T, in *input, after []byte) { checkValid(t, decode(t, after)) })
}

func checkValid(t testing.TB, pod *corev1.Pod) {
	t.Helper()
	var volumes, containers []string
	for _, v := range pod.Spec.Volumes {
		if slices.Contains(volumes, v.Name) {
			t.Errorf("two volumes %s", v.Name)
		}
		volumes = append(volumes, v.Name)
	}
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		if slices.Contains(containers, c.Name) {
			t.Errorf("two containers %s", c.Name)
		}
		containers = append(containers, c.Name)
		if err := checkContainer(c, volumes); err != nil {
			t.Errorf("container %s: %v", c.Name, err)
		}
	}
}

func checkContainer(c corev1.Container, volumes []string) error {
	paths := make(map[string]bool)
	for _, m := range c.VolumeMounts {
		if paths[m.MountPath] {
			return fmt.Errorf("two mounts at %s", m.MountPath)
		}
		paths[m.MountPath] = true
		if !slices.Contains(volumes, m.Name) {
			return fmt.Errorf("volume %s of a mount does not exist", m.Name)
		}
	}
	for name, request := range c.Resources.Requests {
		if limit, ok := c.Resources.Limits[name]; ok && request.Cmp(limit) > 0 {
			return fmt.Errorf("%s request above the limit", name)
		}
	}
	return nil
}

// forEachAdmitted calls check with each input whose pod is admitted, and its patched pod.
func forEachAdmitted(t *testing.T, check func(t *testing.T, in *input, after []byte)) {
	for _, file := range inputs(t) {
		in := readInput(t, file)
		r, err := in.run(decode(t, in.Pod))
		if err != nil {
			isDenial(t, err)
			continue
		}
		after := patched(t, in.Pod, r)
		t.Run(caseName(file), func(t *testing.T) {
			t.Parallel()
			check(t, in, after)
		})
	}
}
