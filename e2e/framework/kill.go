package framework

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const killNamespace = "e2e-killer"

// KillContainer kills a container's processes with SIGKILL, as the kernel does when memory runs
// out. The kubelet then restarts the container.
func (e *Environment) KillContainer(ctx context.Context, pod *corev1.Pod, container string) error {
	return e.SignalContainer(ctx, pod, container, "KILL")
}

// SignalContainer sends a signal, such as STOP, to all processes of a container, and returns when
// it was sent. It starts a pod in the node's PID namespace for that.
func (e *Environment) SignalContainer(ctx context.Context, pod *corev1.Pod, container, signal string) error {
	status := ContainerStatus(pod, container)
	if status == nil || status.State.Running == nil {
		return fmt.Errorf("container %s of pod %s is not running", container, pod.Name)
	}
	_, id, _ := strings.Cut(status.ContainerID, "://")
	name := strings.ToLower(signal) + "-" + id[:min(12, len(id))]
	err := e.apply(ctx, "killer.yaml", map[string]string{
		"Namespace": killNamespace, "Name": name, "Node": pod.Spec.NodeName, "Image": e.Cluster.Image("testapp"),
		"Signal": signal, "ContainerID": id,
	})
	if err != nil {
		return err
	}
	killer, err := e.AwaitPod(ctx, killNamespace, name, func(p *corev1.Pod) bool {
		return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	})
	if err != nil {
		return err
	}
	if killer.Status.Phase == corev1.PodFailed {
		log, _ := e.Client.CoreV1().Pods(killNamespace).GetLogs(name, &corev1.PodLogOptions{}).DoRaw(ctx)
		return fmt.Errorf("container %s of pod %s did not get SIG%s: %s", container, pod.Name, signal, log)
	}
	return e.Client.CoreV1().Pods(killNamespace).Delete(ctx, name, metav1.DeleteOptions{})
}
