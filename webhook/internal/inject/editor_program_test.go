package inject

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// editorProgram reads a pod and a sequence of editor operations from bytes. Every input is valid,
// so that a fuzzer can change it freely. Where the bytes end, all choices are 0.
type editorProgram struct {
	bytes []byte
	names int
}

// choose returns a number below n.
func (p *editorProgram) choose(n int) int {
	if len(p.bytes) == 0 {
		return 0
	}
	b := p.bytes[0]
	p.bytes = p.bytes[1:]
	return int(b) % n
}

// name returns a name that was not used before.
func (p *editorProgram) name() string {
	p.names++
	return fmt.Sprintf("n%d", p.names)
}

// pod returns a pod as JSON.
func (p *editorProgram) pod(t *testing.T) []byte {
	t.Helper()
	metadata, spec := map[string]any{}, map[string]any{}
	p.list(spec, "volumes", func() any { return map[string]any{"name": p.name()} })
	p.list(spec, "initContainers", p.podContainer)
	p.list(spec, "containers", p.podContainer)
	p.list(spec, "imagePullSecrets", func() any { return map[string]any{"name": p.name()} })
	switch p.choose(3) {
	case 1:
		metadata["annotations"] = nil
	case 2:
		all := map[string]any{}
		for n := range p.choose(3) {
			all[annotationKey(n)] = "0"
		}
		metadata["annotations"] = all
	}
	switch p.choose(3) {
	case 1:
		spec["securityContext"] = nil
	case 2:
		security := map[string]any{}
		p.list(security, "sysctls", func() any { return map[string]any{"name": p.name(), "value": "0"} })
		spec["securityContext"] = security
	}
	raw, err := json.Marshal(map[string]any{"metadata": metadata, "spec": spec})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// list sets a member to an array with up to three elements, or leaves it absent or null.
func (p *editorProgram) list(object map[string]any, key string, newElement func() any) {
	switch n := p.choose(6); n {
	case 0:
	case 1:
		object[key] = nil
	default:
		list := []any{}
		for range n - 2 {
			list = append(list, newElement())
		}
		object[key] = list
	}
}

func (p *editorProgram) podContainer() any {
	c := map[string]any{"name": p.name()}
	p.list(c, "env", func() any {
		e := map[string]any{"name": p.name()}
		if p.choose(2) == 1 {
			e["value"] = "0"
		}
		return e
	})
	p.list(c, "volumeMounts", func() any { return map[string]any{"name": p.name(), "mountPath": "/a"} })
	return c
}

// annotationKey returns one of a few keys, some of which are escaped in a path.
func annotationKey(n int) string { return []string{"a", "b/c", "d~e/f"}[n%3] }

// run performs operations until the bytes end.
func (p *editorProgram) run(e *editor) {
	for len(p.bytes) > 0 {
		switch p.choose(12) {
		case 0:
			e.addVolumes(several(p, p.volume)...)
		case 1:
			removed := p.subset(len(e.volumes), func(i int) string { return e.volumes[i].Name })
			e.removeVolumes(func(v *corev1.Volume) bool { return removed[v.Name] })
		case 2:
			e.insertInitContainers(p.choose(len(e.init)+1), several(p, p.container)...)
		case 3:
			e.appendContainers(several(p, p.container)...)
		case 4:
			all := slices.Concat(e.init, e.main)
			removed := p.subset(len(all), func(i int) string { return all[i].Name })
			e.removeContainers(func(c *container) bool { return removed[c.Name] })
		case 5:
			if n := len(e.init); n > 0 {
				e.moveInitContainer(e.init[p.choose(n)], p.choose(n))
			}
		case 6:
			e.setAnnotations(several(p, p.annotation)...)
		case 7:
			e.removeAnnotation(annotationKey(p.choose(3)))
		case 8:
			e.addSysctl(corev1.Sysctl{Name: p.name(), Value: "0"})
		case 9:
			e.addPullSecrets(several(p, p.pullSecret)...)
		case 10:
			e.setShareProcesses(p.choose(2) == 0)
		case 11:
			if all := slices.Concat(e.init, e.main); len(all) > 0 {
				p.editContainer(e, all[p.choose(len(all))])
			}
		}
	}
}

func (p *editorProgram) editContainer(e *editor, c *container) {
	switch p.choose(5) {
	case 0:
		e.addMounts(c, several(p, p.mount)...)
	case 1:
		removed := p.subset(len(c.VolumeMounts), func(i int) string { return c.VolumeMounts[i].Name })
		e.removeMounts(c, func(m *corev1.VolumeMount) bool { return removed[m.Name] })
	case 2:
		e.addVariablesFirst(c, several(p, p.variable)...)
	case 3:
		if len(c.Env) > 0 {
			e.setValue(c, p.choose(len(c.Env)), p.name())
		}
	case 4:
		if len(c.Env) > 0 {
			e.moveVariableFirst(c, p.choose(len(c.Env)))
		}
	}
}

// several returns up to three elements.
func several[T any](p *editorProgram, newElement func() T) (list []T) {
	for range p.choose(4) {
		list = append(list, newElement())
	}
	return list
}

// subset returns some of n names.
func (p *editorProgram) subset(n int, name func(int) string) map[string]bool {
	chosen := map[string]bool{}
	for i := range n {
		chosen[name(i)] = p.choose(2) == 1
	}
	return chosen
}

func (p *editorProgram) volume() corev1.Volume { return corev1.Volume{Name: p.name()} }

func (p *editorProgram) mount() corev1.VolumeMount {
	return corev1.VolumeMount{Name: p.name(), MountPath: "/a"}
}

func (p *editorProgram) variable() corev1.EnvVar { return corev1.EnvVar{Name: p.name(), Value: "1"} }

func (p *editorProgram) pullSecret() corev1.LocalObjectReference {
	return corev1.LocalObjectReference{Name: p.name()}
}

func (p *editorProgram) annotation() annotation {
	return annotation{annotationKey(p.choose(3)), fmt.Sprint(p.choose(2))}
}

func (p *editorProgram) container() corev1.Container {
	return corev1.Container{Name: p.name(), Env: several(p, p.variable), VolumeMounts: several(p, p.mount)}
}
