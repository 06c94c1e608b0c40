package framework

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// awaitRollout waits until the rollout of a Deployment is complete.
func (e *Environment) awaitRollout(ctx context.Context, namespace, deployment string) error {
	_, err := e.Cluster.Kubectl(ctx, "rollout", "status", "deployment/"+deployment, "--namespace", namespace, "--timeout=3m")
	return err
}

// Restart replaces the pods of a Deployment and waits until the new ones are available.
func (e *Environment) Restart(ctx context.Context, namespace, deployment string) error {
	if _, err := e.Cluster.Kubectl(ctx, "rollout", "restart", "deployment/"+deployment, "--namespace", namespace); err != nil {
		return err
	}
	return e.awaitRollout(ctx, namespace, deployment)
}

// AwaitPod watches the pods with the label app=<app> until one satisfies the condition, and returns
// that pod. It checks the condition on every change. If the context ends, the error contains the
// state of the last pod.
func (e *Environment) AwaitPod(ctx context.Context, namespace, app string, condition func(*corev1.Pod) bool) (*corev1.Pod, error) {
	selector := "app=" + app
	pods := e.Client.CoreV1().Pods(namespace)
	source := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.LabelSelector = selector
			return pods.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.LabelSelector = selector
			return pods.Watch(ctx, o)
		},
	}
	var last *corev1.Pod
	_, err := watchtools.UntilWithSync(ctx, source, &corev1.Pod{}, nil, func(e watch.Event) (bool, error) {
		pod, ok := e.Object.(*corev1.Pod)
		if !ok || e.Type == watch.Deleted || pod.DeletionTimestamp != nil {
			return false, nil
		}
		last = pod
		return condition(pod), nil
	})
	if err != nil {
		return last, fmt.Errorf("wait for a pod of %s/%s: %w; last pod: %s", namespace, app, err, describe(last))
	}
	return last, nil
}

// AwaitEvent watches the events of a namespace until one satisfies the condition, and returns that
// event.
func (e *Environment) AwaitEvent(ctx context.Context, namespace string, condition func(*corev1.Event) bool) (*corev1.Event, error) {
	source := cache.NewListWatchFromClient(e.Client.CoreV1().RESTClient(), "events", namespace, fields.Everything())
	var found *corev1.Event
	_, err := watchtools.UntilWithSync(ctx, source, &corev1.Event{}, nil, func(e watch.Event) (bool, error) {
		event, ok := e.Object.(*corev1.Event)
		if ok && condition(event) {
			found = event
		}
		return found != nil, nil
	})
	if err != nil {
		return nil, fmt.Errorf("wait for an event in %s: %w", namespace, err)
	}
	return found, nil
}

// Ready tells whether a pod is ready.
func Ready(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// ContainerStatus returns the status of a container or init container, or nil if the kubelet has
// not reported it.
func ContainerStatus(pod *corev1.Pod, name string) *corev1.ContainerStatus {
	for _, list := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}

func describe(pod *corev1.Pod) string {
	if pod == nil {
		return "none was created"
	}
	text := fmt.Sprintf("%s is %s", pod.Name, pod.Status.Phase)
	for _, c := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
		switch {
		case c.State.Waiting != nil:
			text += fmt.Sprintf(", %s waits: %s %s", c.Name, c.State.Waiting.Reason, c.State.Waiting.Message)
		case c.State.Terminated != nil:
			text += fmt.Sprintf(", %s ended: %s %s", c.Name, c.State.Terminated.Reason, c.State.Terminated.Message)
		case !c.Ready:
			text += fmt.Sprintf(", %s is not ready", c.Name)
		}
	}
	return text
}
