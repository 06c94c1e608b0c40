package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

const (
	rollOutPods = 200
	// replicaKills is how often a replica of the webhook is killed.
	replicaKills = 12
	// rollOutIn bounds the time until the ReplicaSet has created all pods. It waits longer after
	// each pod that was refused.
	rollOutIn = 3 * time.Minute
	// webhookContainer is the name in the chart's Deployment.
	webhookContainer = "webhook"
)

// rollOut creates a Deployment and then rolls out a change of it, while the webhook's replicas are
// killed one after the other.
func rollOut(ctx context.Context, t *trial, n *node) error {
	const namespace, name = "chaos-rollout", "many"
	if err := n.NewNamespace(ctx, namespace, "restricted", nil); err != nil {
		return err
	}
	clientID, err := n.NewIdentity(ctx, namespace, name)
	if err != nil {
		return err
	}
	if err := n.NewServiceAccount(ctx, namespace, name, map[string]string{contract.AnnotationClientID: clientID}); err != nil {
		return err
	}
	deployments := n.Client.AppsV1().Deployments(namespace)
	if _, err := deployments.Create(ctx, manyPods(name), metav1.CreateOptions{}); err != nil {
		return err
	}
	for i := range replicaKills {
		if i == replicaKills/3 || i == 2*replicaKills/3 { // all pods are replaced
			if err := n.restartMany(ctx, namespace, name); err != nil {
				return err
			}
		}
		if err := errors.Join(n.killReplica(ctx, t), rig.Pause(ctx, t.between(500*time.Millisecond, 4*time.Second))); err != nil {
			return err
		}
		if _, err := n.sidecars(ctx, t, namespace); err != nil {
			return err
		}
	}
	t.check("roll-out", rig.Await(ctx, rollOutIn, func() error {
		count, err := n.sidecars(ctx, t, namespace)
		if err == nil && count < rollOutPods {
			err = fmt.Errorf("%d of %d pods exist after %s", count, rollOutPods, rollOutIn)
		}
		return err
	}))
	t.check("the webhook's replicas", n.awaitWebhook(ctx))
	return n.Client.CoreV1().Namespaces().Delete(ctx, namespace, metav1.DeleteOptions{})
}

// sidecars checks that each pod of a namespace has its sidecar, and returns the number of pods.
func (n *node) sidecars(ctx context.Context, t *trial, namespace string) (int, error) {
	pods, err := n.Client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return 0, err
	}
	t.check("pods", allInjected(pods.Items))
	return len(pods.Items), nil
}

// allInjected checks each pod.
func allInjected(pods []corev1.Pod) error {
	for i := range pods {
		if err := hasSidecar(&pods[i]); err != nil {
			return err
		}
	}
	return nil
}

// manyPods is the Deployment. Its pods run nowhere, and so are never ready.
func manyPods(name string) *appsv1.Deployment {
	replicas, labels := int32(rollOutPods), map[string]string{"app": name}
	template := goodPod("", name, "").ObjectMeta
	template.Labels["app"] = name
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Strategy: appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType},
			Template: corev1.PodTemplateSpec{ObjectMeta: template, Spec: goodPodSpec(name)},
		},
	}
}

// restartMany replaces all pods of the Deployment.
func (n *node) restartMany(ctx context.Context, namespace, name string) error {
	_, err := n.Cluster.Kubectl(ctx, "rollout", "restart", "deployment/"+name, "--namespace", namespace)
	return err
}

// webhookPods returns the webhook's pods that run.
func (n *node) webhookPods(ctx context.Context) (running []corev1.Pod, err error) {
	pods, err := n.Client.CoreV1().Pods(framework.SystemNamespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for _, pod := range pods.Items {
		if status := framework.ContainerStatus(&pod, webhookContainer); status != nil && status.State.Running != nil {
			running = append(running, pod)
		}
	}
	return running, nil
}

// killReplica kills one of the webhook's replicas. The kubelet waits long before it starts a
// container for a second time, so a replica that was killed before is deleted, by force. The
// Deployment replaces it.
func (n *node) killReplica(ctx context.Context, t *trial) error {
	choice := t.rand.IntN(2) // also if there is no choice
	pods, err := n.webhookPods(ctx)
	if err != nil || len(pods) == 0 {
		return err
	}
	pod := &pods[choice%len(pods)]
	t.countFault()
	if framework.ContainerStatus(pod, webhookContainer).RestartCount == 0 && kill(pod, webhookContainer) == nil {
		return nil
	}
	now := int64(0)
	return n.Client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &now})
}

// awaitWebhook waits until all replicas are ready again.
func (n *node) awaitWebhook(ctx context.Context) error {
	return rig.Await(ctx, rollOutIn, func() error {
		pods, err := n.webhookPods(ctx)
		if err != nil {
			return err
		}
		for i := range pods {
			if !framework.Ready(&pods[i]) {
				return fmt.Errorf("pod %s is not ready", pods[i].Name)
			}
		}
		if len(pods) < 2 {
			return fmt.Errorf("%d replicas run", len(pods))
		}
		return nil
	})
}
