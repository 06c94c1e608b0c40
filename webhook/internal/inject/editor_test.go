package inject

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
)

// editorPod is a pod whose lists have several elements, or are absent, null or empty.
const editorPod = `{
	"metadata": {"name": "a", "annotations": {"a/b~c": "1", "gone": "2"}},
	"spec": {
		"volumes": [{"name": "v0"}, {"name": "v1"}, {"name": "v2"}],
		"initContainers": [{"name": "i0"}, {"name": "i1", "env": null, "volumeMounts": []}, {"name": "i2"}],
		"containers": [
			{"name": "c0", "env": [{"name": "A"}, {"name": "B", "value": "b"}],
				"volumeMounts": [{"name": "v0", "mountPath": "/0"}, {"name": "v1", "mountPath": "/1"}, {"name": "v2", "mountPath": "/2"}]},
			{"name": "c1"}
		]
	}
}`

// TestEditor applies a few operations and compares the patched pod with what the editor tracks.
func TestEditor(t *testing.T) {
	last := func(list []*container) *container { return list[len(list)-1] }
	named := func(names ...string) func(*container) bool {
		return func(c *container) bool { return slices.Contains(names, c.Name) }
	}
	for name, test := range map[string]struct {
		edit func(*editor)
		want []string // the operations with their paths
	}{
		"no operation": {edit: func(*editor) {}},
		"insertion shifts the containers behind it": {
			edit: func(e *editor) {
				second := e.init[1]
				e.insertInitContainers(1, corev1.Container{Name: "x"}, corev1.Container{Name: "y"})
				e.addVariablesFirst(second, corev1.EnvVar{Name: "N", Value: "n"})
			},
			want: []string{"add /spec/initContainers/1", "add /spec/initContainers/2", "add /spec/initContainers/3/env"},
		},
		"insertion into an empty list": {
			edit: func(e *editor) {
				e.removeContainers(func(c *container) bool { return c.list == initContainers })
				e.insertInitContainers(0, corev1.Container{Name: "x"})
				e.insertInitContainers(1, corev1.Container{Name: "y"})
			},
			want: []string{
				"remove /spec/initContainers/2", "remove /spec/initContainers/1", "remove /spec/initContainers/0",
				"add /spec/initContainers", "add /spec/initContainers/1",
			},
		},
		"removal shifts the containers behind it": {
			edit: func(e *editor) {
				e.removeContainers(named("i0", "i2", "c0"))
				e.addMounts(e.init[0], corev1.VolumeMount{Name: "v0", MountPath: "/0"})
				e.addMounts(e.main[0], corev1.VolumeMount{Name: "v0", MountPath: "/0"})
			},
			want: []string{
				"remove /spec/containers/0", "remove /spec/initContainers/2", "remove /spec/initContainers/0",
				"add /spec/initContainers/0/volumeMounts", "add /spec/containers/0/volumeMounts",
			},
		},
		"move to the end": {
			edit: func(e *editor) {
				first, end := e.init[0], last(e.init)
				e.moveInitContainer(first, end.index)
				e.addMounts(first, corev1.VolumeMount{Name: "v0", MountPath: "/0"})
				e.addMounts(end, corev1.VolumeMount{Name: "v0", MountPath: "/0"})
			},
			want: []string{
				"move /spec/initContainers/0 /spec/initContainers/2",
				"add /spec/initContainers/2/volumeMounts", "add /spec/initContainers/1/volumeMounts",
			},
		},
		"an appended container can be edited": {
			edit: func(e *editor) {
				e.appendContainers(corev1.Container{Name: "x", Env: []corev1.EnvVar{{Name: "N"}}})
				e.addVariablesFirst(last(e.main), corev1.EnvVar{Name: "O"})
				e.setValue(last(e.main), 0, "n")
			},
			want: []string{"add /spec/containers/-", "add /spec/containers/2/env/0", "add /spec/containers/2/env/0/value"},
		},
		"the first variable adds the list, the next come before it": {
			edit: func(e *editor) {
				for _, c := range []*container{e.init[1], e.main[1]} {
					e.addVariablesFirst(c, corev1.EnvVar{Name: "N"})
					e.addVariablesFirst(c, corev1.EnvVar{Name: "O"}, corev1.EnvVar{Name: "P"})
				}
			},
			want: []string{
				"add /spec/initContainers/1/env", "add /spec/initContainers/1/env/0", "add /spec/initContainers/1/env/1",
				"add /spec/containers/1/env", "add /spec/containers/1/env/0", "add /spec/containers/1/env/1",
			},
		},
		"a variable is moved before the others": {
			edit: func(e *editor) {
				e.moveVariableFirst(e.main[0], 1)
				e.setValue(e.main[0], 0, "c")
			},
			want: []string{"move /spec/containers/0/env/1 /spec/containers/0/env/0", "add /spec/containers/0/env/0/value"},
		},
		"elements are removed from the end": {
			edit: func(e *editor) {
				e.removeMounts(e.main[0], func(m *corev1.VolumeMount) bool { return m.Name != "v1" })
				e.removeVolumes(func(v *corev1.Volume) bool { return v.Name != "v1" })
				e.addVolumes(corev1.Volume{Name: "x"})
			},
			want: []string{
				"remove /spec/containers/0/volumeMounts/2", "remove /spec/containers/0/volumeMounts/0",
				"remove /spec/volumes/2", "remove /spec/volumes/0", "add /spec/volumes/-",
			},
		},
		"annotations": {
			edit: func(e *editor) {
				e.setAnnotations(annotation{"a/b~c", "1"}, annotation{"new", "3"})
				e.setAnnotations(annotation{"a/b~c", "4"})
				e.removeAnnotation("gone")
				e.removeAnnotation("gone")
			},
			want: []string{"add /metadata/annotations/new", "add /metadata/annotations/a~1b~0c", "remove /metadata/annotations/gone"},
		},
		"pod level": {
			edit: func(e *editor) {
				e.addSysctl(corev1.Sysctl{Name: "a", Value: "0"})
				e.addSysctl(corev1.Sysctl{Name: "b", Value: "0"})
				e.addPullSecrets(corev1.LocalObjectReference{Name: "a"})
				e.addPullSecrets(corev1.LocalObjectReference{Name: "b"})
				e.setShareProcesses(true)
			},
			want: []string{
				"add /spec/securityContext", "add /spec/securityContext/sysctls/-",
				"add /spec/imagePullSecrets", "add /spec/imagePullSecrets/-", "add /spec/shareProcessNamespace",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, op := range checkEditor(t, []byte(editorPod), test.edit) {
				path := op.Path
				if op.From != "" {
					path = op.From + " " + path
				}
				got = append(got, op.Op+" "+path)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("operations (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMountAt(t *testing.T) {
	c := &container{VolumeMounts: []corev1.VolumeMount{{Name: "a", MountPath: "/a/"}, {Name: "b", MountPath: "/b"}}}
	if m := c.mountAt("/a"); m == nil || m.Name != "a" {
		t.Errorf("mount at /a: %v", m)
	}
	if m := c.mountAt("/c"); m != nil {
		t.Errorf("mount at /c: %v", m)
	}
}

// TestEditorsDoNotShareMemory edits one pod by two editors. Lists that were decoded from JSON have
// spare capacity, so that both could append to the same memory.
func TestEditorsDoNotShareMemory(t *testing.T) {
	pod := &corev1.Pod{Spec: corev1.PodSpec{
		Volumes: make([]corev1.Volume, 1, 8),
		Containers: []corev1.Container{
			{Env: make([]corev1.EnvVar, 1, 8), VolumeMounts: make([]corev1.VolumeMount, 1, 8)},
		},
		ImagePullSecrets: make([]corev1.LocalObjectReference, 1, 8),
		SecurityContext:  &corev1.PodSecurityContext{Sysctls: make([]corev1.Sysctl, 1, 8)},
	}}
	edit := func(name string) *editor {
		e := newEditor(pod)
		e.addVolumes(corev1.Volume{Name: name})
		e.addVariablesFirst(e.main[0], corev1.EnvVar{Name: name})
		e.addMounts(e.main[0], corev1.VolumeMount{Name: name})
		e.addPullSecrets(corev1.LocalObjectReference{Name: name})
		e.addSysctl(corev1.Sysctl{Name: name})
		return e
	}
	first := edit("a")
	edit("b")
	want := editorView{
		Main: []containerState{{
			Path: "/spec/containers/0", Env: []corev1.EnvVar{{Name: "a"}, {}}, Mounts: []corev1.VolumeMount{{}, {Name: "a"}},
		}},
		Volumes: []corev1.Volume{{}, {Name: "a"}}, Sysctls: []corev1.Sysctl{{}, {Name: "a"}},
		PullSecrets: []corev1.LocalObjectReference{{}, {Name: "a"}},
	}
	if diff := cmp.Diff(want, viewOf(first), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the second editor changed what the first one tracks (-want +got):\n%s", diff)
	}
}

// TestEditorRandom runs random sequences of operations.
func TestEditorRandom(t *testing.T) {
	const seed, sequences = 1, 1500
	random := rand.New(rand.NewPCG(seed, seed))
	for n := range sequences {
		program := make([]byte, 8+random.IntN(120))
		for i := range program {
			program[i] = byte(random.Uint32())
		}
		if runEditorProgram(t, program); t.Failed() {
			t.Fatalf("sequence %d: %x", n, program)
		}
	}
}

// FuzzEditor checks for any sequence of operations that the patched pod is the one that the editor
// tracks.
func FuzzEditor(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("a pod and a few operations on it"))
	f.Fuzz(func(t *testing.T, program []byte) { runEditorProgram(t, program) })
}

func runEditorProgram(t *testing.T, program []byte) {
	t.Helper()
	p := &editorProgram{bytes: program}
	checkEditor(t, p.pod(t), p.run)
}

// checkEditor edits a pod and applies the operations as the API server does: to the JSON text. The
// patched pod must be the one that the editor tracks, and the original pod must not change.
func checkEditor(t *testing.T, raw []byte, edit func(*editor)) Patch {
	t.Helper()
	var pod corev1.Pod
	if err := json.Unmarshal(raw, &pod); err != nil {
		t.Fatal(err)
	}
	before := pod.DeepCopy()
	e := newEditor(&pod)
	edit(e)
	encoded, err := e.patch.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := jsonpatch.DecodePatch(encoded)
	if err != nil {
		t.Fatal(err)
	}
	after, err := decoded.Apply(raw)
	if err != nil {
		t.Fatalf("applying %s to %s: %v", encoded, raw, err)
	}
	var patched corev1.Pod
	if err := json.Unmarshal(after, &patched); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(viewOf(newEditor(&patched)), viewOf(e), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the editor tracks another pod than the patched one (-patched +tracked):\n%s\npod: %s\npatch: %s", diff, raw, encoded)
	}
	if diff := cmp.Diff(before, &pod); diff != "" {
		t.Errorf("the original pod changed (-before +after):\n%s", diff)
	}
	return e.patch
}

// editorView is what an editor tracks, for comparison.
type editorView struct {
	Init, Main     []containerState
	Volumes        []corev1.Volume
	Annotations    map[string]string
	Sysctls        []corev1.Sysctl
	PullSecrets    []corev1.LocalObjectReference
	ShareProcesses *bool
}

type containerState struct {
	Name, Path string
	Env        []corev1.EnvVar
	Mounts     []corev1.VolumeMount
}

func viewOf(e *editor) editorView {
	states := func(list []*container) (states []containerState) {
		for _, c := range list {
			states = append(states, containerState{c.Name, c.path(), c.Env, c.VolumeMounts})
		}
		return states
	}
	return editorView{
		Init: states(e.init), Main: states(e.main), Volumes: e.volumes, Annotations: e.annotations,
		Sysctls: e.sysctls, PullSecrets: e.pullSecrets, ShareProcesses: e.shareProcesses,
	}
}
