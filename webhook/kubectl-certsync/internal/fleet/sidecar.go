package fleet

import (
	"cmp"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// Sidecar returns the injected container of a pod that keeps running, or nil.
func Sidecar(pod *corev1.Pod) *corev1.Container {
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if list[i].Name == contract.ContainerName {
				return &list[i]
			}
		}
	}
	return nil
}

// Injected reports whether a pod has any container for certificates, also one that only ran at the
// start.
func Injected(pod *corev1.Pod) bool {
	if Sidecar(pod) != nil {
		return true
	}
	for i := range pod.Spec.InitContainers {
		if pod.Spec.InitContainers[i].Name == contract.InitContainerName {
			return true
		}
	}
	return false
}

// Finished reports whether a pod has run to completion.
func Finished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// notRunning returns why the sidecar of a pod cannot be queried, or "".
func notRunning(pod *corev1.Pod) string {
	switch {
	case Finished(pod):
		return "the pod has ended"
	case Sidecar(pod) == nil && Injected(pod):
		return "the pod synced once when it started (container " + contract.InitContainerName + "): no sidecar runs in it"
	case Sidecar(pod) == nil:
		return "the pod does not have a sidecar"
	}
	state := containerState(pod)
	switch {
	case state == nil:
		return "the pod has not started: " + pendingReason(pod)
	case state.Waiting != nil:
		return "the sidecar waits: " + join(state.Waiting.Reason, state.Waiting.Message)
	case state.Terminated != nil:
		return fmt.Sprintf("the sidecar has ended with exit code %d: %s", state.Terminated.ExitCode,
			cmp.Or(state.Terminated.Message, state.Terminated.Reason))
	}
	return ""
}

// containerState returns nil before the kubelet has reported the container.
func containerState(pod *corev1.Pod) *corev1.ContainerState {
	for _, list := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range list {
			if list[i].Name != contract.ContainerName {
				continue
			}
			if s := &list[i]; s.State.Waiting != nil && s.LastTerminationState.Terminated != nil && s.LastTerminationState.Terminated.Message != "" {
				return &s.LastTerminationState // it has the reason why the container ended
			}
			return &list[i].State
		}
	}
	return nil
}

func pendingReason(pod *corev1.Pod) string {
	for _, c := range pod.Status.Conditions {
		if c.Status == corev1.ConditionFalse && c.Message != "" {
			return join(c.Reason, c.Message)
		}
	}
	return "its phase is " + string(pod.Status.Phase)
}

func join(reason, message string) string {
	switch {
	case message == "":
		return reason
	case reason == "":
		return message
	}
	return reason + ": " + message
}
