package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// additions lists what the webhook added to the pod, one line each.
func additions(pod *corev1.Pod) []string {
	var added []string
	for _, c := range pod.Spec.InitContainers {
		if c.Name == contract.ContainerName {
			added = append(added, fmt.Sprintf("init container %s, restartPolicy Always, image %s", c.Name, c.Image))
		}
	}
	for _, v := range pod.Spec.Volumes {
		if strings.HasPrefix(v.Name, "certsync-") || strings.HasPrefix(v.Name, contract.IdentityVolumePrefix) {
			added = append(added, "volume "+v.Name)
		}
	}
	for _, c := range pod.Spec.Containers {
		for _, e := range c.Env {
			if strings.HasPrefix(e.Name, "AZURE_") {
				added = append(added, fmt.Sprintf("container %s: %s=%s", c.Name, e.Name, e.Value))
			}
		}
		for _, m := range c.VolumeMounts {
			if m.MountPath == contract.IdentityMountPath || m.MountPath == contract.DefaultStoreLocation {
				added = append(added, fmt.Sprintf("container %s: %s at %s, read-only: %t", c.Name, m.Name, m.MountPath, m.ReadOnly))
			}
		}
	}
	for _, key := range []string{contract.KeyInjected, contract.KeySettingsSource, contract.KeySettingsHash, contract.KeyWarnings} {
		if value, ok := pod.Annotations[contract.Prefix+key]; ok {
			added = append(added, fmt.Sprintf("annotation %s: %s", contract.Prefix+key, value))
		}
	}
	return added
}

func restarts(pod *corev1.Pod) int {
	n := 0
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		n += int(c.RestartCount)
	}
	return n
}

func readySince(pod *corev1.Pod) time.Time {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.LastTransitionTime.Time
		}
	}
	return time.Time{}
}
