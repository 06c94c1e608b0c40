package inject

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
)

// addVolumes adds volumes to the pod.
func (e *editor) addVolumes(added ...corev1.Volume) {
	appendTo(&e.patch, volumes, len(e.volumes), added...)
	e.volumes = append(e.volumes, added...)
}

// removeVolumes removes the volumes that match.
func (e *editor) removeVolumes(match func(*corev1.Volume) bool) {
	e.volumes = removeFrom(&e.patch, volumes, e.volumes, match)
}

// volume returns the pod's volume of a name, or nil.
func (e *editor) volume(name string) *corev1.Volume {
	for i := range e.volumes {
		if e.volumes[i].Name == name {
			return &e.volumes[i]
		}
	}
	return nil
}

// annotation is a key and a value to set on the pod.
type annotation struct{ key, value string }

// setAnnotations sets the annotations that the pod does not have with these values.
func (e *editor) setAnnotations(list ...annotation) {
	changed := make(map[string]string, len(list))
	for _, a := range list {
		if value, ok := e.annotations[a.key]; ok && value == a.value {
			continue
		}
		if changed[a.key] = a.value; e.hasAnnotations {
			e.patch.add(member(annotations, a.key), a.value)
		}
	}
	if len(changed) == 0 {
		return
	}
	if !e.hasAnnotations {
		e.patch.add(annotations, changed)
		e.hasAnnotations = true
	}
	e.copyAnnotations()
	maps.Copy(e.annotations, changed)
}

// removeAnnotation removes an annotation if the pod has it.
func (e *editor) removeAnnotation(key string) {
	if _, ok := e.annotations[key]; !ok {
		return
	}
	e.patch.remove(member(annotations, key))
	e.copyAnnotations()
	delete(e.annotations, key)
}

// copyAnnotations replaces the pod's map, which must not change, by a copy.
func (e *editor) copyAnnotations() {
	if e.copiedAnnotations {
		return
	}
	copied := make(map[string]string, len(e.annotations))
	maps.Copy(copied, e.annotations)
	e.annotations, e.copiedAnnotations = copied, true
}

// addSysctl adds a sysctl to the pod's security context.
func (e *editor) addSysctl(added corev1.Sysctl) {
	if !e.hasSecurity {
		e.patch.add("/spec/securityContext", corev1.PodSecurityContext{Sysctls: []corev1.Sysctl{added}})
		e.hasSecurity = true
	} else {
		appendTo(&e.patch, "/spec/securityContext/sysctls", len(e.sysctls), added)
	}
	e.sysctls = append(e.sysctls[:len(e.sysctls):len(e.sysctls)], added)
}

// addPullSecrets adds image pull secrets to the pod.
func (e *editor) addPullSecrets(added ...corev1.LocalObjectReference) {
	appendTo(&e.patch, "/spec/imagePullSecrets", len(e.pullSecrets), added...)
	e.pullSecrets = append(e.pullSecrets[:len(e.pullSecrets):len(e.pullSecrets)], added...)
}

// setShareProcesses sets whether the pod's containers share one process namespace.
func (e *editor) setShareProcesses(share bool) {
	e.patch.add("/spec/shareProcessNamespace", share)
	e.shareProcesses = &share
}
