package inject

import (
	corev1 "k8s.io/api/core/v1"
)

const (
	initContainers = "/spec/initContainers"
	mainContainers = "/spec/containers"
	volumes        = "/spec/volumes"
	annotations    = "/metadata/annotations"
)

// editor edits one pod. It collects JSON patch operations and tracks the pod as it is after them.
// Only its methods append operations and change what it tracks. The pod itself never changes.
//
// The path of an operation contains indexes, and the operations are applied in order. So each
// operation uses the indexes that are valid after all operations before it: what is computed from
// indexes comes first. Each method keeps to this order: it appends its operations, then renumbers.
// For callers an index is valid in this sense:
//
//   - container.index is the container's position in its list after all operations so far. The
//     editor keeps it valid. Keep a *container, never a copy of its index, across a call of
//     insertInitContainers, appendContainers, removeContainers or moveInitContainer.
//   - An index into mounts or volumes is valid until elements are removed from that list. Adding
//     appends, so it keeps the indexes. An index into env is valid until variables are added or
//     moved, which come first. A pointer to an element is valid until the list changes.
//   - A container that was removed is in no list. Do not use it any more.
//
// The editor does not decide anything and does not know which parts of the pod this package added.
type editor struct {
	patch Patch

	// init and main are the pod's containers, in order.
	init, main []*container
	volumes    []corev1.Volume

	annotations map[string]string
	// hasAnnotations is false where the object may be absent or null; the same holds for
	// hasSecurity.
	hasAnnotations, hasSecurity bool
	// copiedAnnotations is set once annotations is a copy of the pod's map.
	copiedAnnotations bool
	sysctls           []corev1.Sysctl
	pullSecrets       []corev1.LocalObjectReference
	shareProcesses    *bool
}

// container is one of the pod's containers. Env and VolumeMounts are those after all operations so
// far; they shadow the fields of the embedded container, which are those of the original pod.
type container struct {
	*corev1.Container
	Env          []corev1.EnvVar
	VolumeMounts []corev1.VolumeMount

	list  string // initContainers or mainContainers
	index int    // see editor
}

// expectedOperations and expectedVolumes are the capacity for a typical pod: operations, and
// volumes that are added.
const expectedOperations, expectedVolumes = 16, 6

func newEditor(pod *corev1.Pod) *editor {
	e := &editor{
		patch:          make(Patch, 0, expectedOperations),
		init:           newContainers(initContainers, pod.Spec.InitContainers),
		main:           newContainers(mainContainers, pod.Spec.Containers),
		annotations:    pod.Annotations,
		hasAnnotations: len(pod.Annotations) > 0,
		pullSecrets:    pod.Spec.ImagePullSecrets,
		shareProcesses: pod.Spec.ShareProcessNamespace,
	}
	// A volume is large: capacity for those that are added avoids a second copy of all.
	e.volumes = append(make([]corev1.Volume, 0, len(pod.Spec.Volumes)+expectedVolumes), pod.Spec.Volumes...)
	if s := pod.Spec.SecurityContext; s != nil {
		e.hasSecurity, e.sysctls = true, s.Sysctls
	}
	return e
}

func newContainers(list string, containers []corev1.Container) []*container {
	all, refs := make([]container, len(containers)), make([]*container, len(containers))
	for i := range containers {
		c := &containers[i]
		all[i] = container{Container: c, Env: c.Env, VolumeMounts: c.VolumeMounts, list: list, index: i}
		refs[i] = &all[i]
	}
	return refs
}
