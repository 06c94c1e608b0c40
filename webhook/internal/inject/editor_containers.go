package inject

import (
	"path"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// insertInitContainers inserts init containers, one after the other, the first of them at an index.
func (e *editor) insertInitContainers(at int, added ...corev1.Container) {
	if len(e.init) == 0 {
		appendTo(&e.patch, initContainers, 0, added...)
	} else {
		for i := range added {
			e.patch.add(element(initContainers, at+i), &added[i])
		}
	}
	e.init = slices.Insert(e.init, at, newContainers(initContainers, added)...)
	renumber(e.init)
}

// appendContainers adds containers behind the pod's containers.
func (e *editor) appendContainers(added ...corev1.Container) {
	appendTo(&e.patch, mainContainers, len(e.main), added...)
	e.main = append(e.main, newContainers(mainContainers, added)...)
	renumber(e.main)
}

// removeContainers removes the containers that match.
func (e *editor) removeContainers(match func(*container) bool) {
	matches := func(c **container) bool { return match(*c) }
	e.main = removeFrom(&e.patch, mainContainers, e.main, matches)
	e.init = removeFrom(&e.patch, initContainers, e.init, matches)
	renumber(e.main)
	renumber(e.init)
}

// moveInitContainer moves an init container to an index of the list without it, with everything
// that the original pod and other webhooks set on it.
func (e *editor) moveInitContainer(c *container, to int) {
	e.patch.move(c.path(), element(initContainers, to))
	e.init = slices.Insert(slices.Delete(e.init, c.index, c.index+1), to, c)
	renumber(e.init)
}

func renumber(list []*container) {
	for i, c := range list {
		c.index = i
	}
}

// path returns the container's path. It is valid as long as the container's index is.
func (c *container) path() string { return element(c.list, c.index) }

// addMounts adds volume mounts to a container.
func (e *editor) addMounts(c *container, added ...corev1.VolumeMount) {
	appendTo(&e.patch, c.path()+"/volumeMounts", len(c.VolumeMounts), added...)
	c.VolumeMounts = append(slices.Clip(c.VolumeMounts), added...)
}

// removeMounts removes the volume mounts of a container that match.
func (e *editor) removeMounts(c *container, match func(*corev1.VolumeMount) bool) {
	c.VolumeMounts = removeFrom(&e.patch, c.path()+"/volumeMounts", c.VolumeMounts, match)
}

// addVariablesFirst adds variables to a container, before those that it has.
func (e *editor) addVariablesFirst(c *container, added ...corev1.EnvVar) {
	if len(c.Env) == 0 {
		appendTo(&e.patch, c.path()+"/env", 0, added...)
	} else {
		for i := range added {
			e.patch.add(element(c.path()+"/env", i), &added[i])
		}
	}
	c.Env = slices.Concat(added, c.Env)
}

// moveVariableFirst moves a container's variable before the others.
func (e *editor) moveVariableFirst(c *container, index int) {
	env := c.path() + "/env"
	e.patch.move(element(env, index), element(env, 0))
	moved := c.Env[index]
	c.Env = slices.Insert(slices.Delete(slices.Clone(c.Env), index, index+1), 0, moved)
}

// setValue gives a container's variable, which has a value and no source, another value.
func (e *editor) setValue(c *container, index int, value string) {
	e.patch.add(element(c.path()+"/env", index)+"/value", value)
	c.Env = slices.Clone(c.Env)
	c.Env[index].Value = value
}

// mountAt returns the container's mount at a path, or nil.
func (c *container) mountAt(at string) *corev1.VolumeMount {
	for i := range c.VolumeMounts {
		if path.Clean(c.VolumeMounts[i].MountPath) == at {
			return &c.VolumeMounts[i]
		}
	}
	return nil
}

// sets reports whether the container's env sets a variable.
func (c *container) sets(name string) bool {
	return slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == name })
}
