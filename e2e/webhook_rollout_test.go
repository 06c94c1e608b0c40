package e2e

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

const webhookName = "azure-cert-sync-webhook"

// podsPerSecond is the rate at which pods are created during the rollouts of the webhook.
const podsPerSecond = 50

// During three rollouts of the webhook with failurePolicy Fail, no pod is refused, and no pod is
// admitted without its sidecar.
//
// This test loads the whole node, so it does not run in parallel with others.
func TestRollingUpdate(t *testing.T) {
	namespace := newNamespace(t, "rolling", "restricted", nil)
	newServiceAccount(t, namespace, "web", withClientID())
	start := time.Now()
	l := newLoad(t, namespace)
	for range 3 {
		if _, err := testEnv.Cluster.Kubectl(testContext(t), "rollout", "restart", "deployment/"+webhookName,
			"--namespace", framework.SystemNamespace); err != nil {
			t.Fatal(err)
		}
		rolledOut(t)
	}
	// Replaced replicas still serve the requests that reach them. When they have ended, their
	// connections must be closed.
	gone(t)
	created, refused := l.end()
	for _, err := range refused {
		t.Error(err)
	}
	t.Logf("%d pods were created in %.1f s while the webhook was rolled out 3 times, %d of them refused",
		created, time.Since(start).Seconds(), len(refused))
	if created < podsPerSecond {
		t.Errorf("only %d pods were created", created)
	}
	pods, err := testEnv.Client.CoreV1().Pods(namespace).List(testContext(t), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(pods.Items) != created-len(refused) {
		t.Errorf("%d pods exist", len(pods.Items))
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		if pod.Annotations[key(contract.KeyInjected)] != "true" || len(pod.Spec.InitContainers) != 1 || len(tokens(pod)) != 1 {
			t.Errorf("pod %s was admitted without its sidecar", pod.Name)
		}
	}
}

// rolledOut waits until all replicas of the latest rollout are ready.
func rolledOut(t *testing.T) {
	t.Helper()
	if _, err := testEnv.Cluster.Kubectl(testContext(t), "rollout", "status", "deployment/"+webhookName,
		"--namespace", framework.SystemNamespace, "--timeout=2m"); err != nil {
		t.Fatal(err)
	}
}

// gone waits until only the webhook's pods of the latest rollout exist.
func gone(t *testing.T) {
	t.Helper()
	err := wait.PollUntilContextCancel(testContext(t), 200*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		deployment, err := testEnv.Client.AppsV1().Deployments(framework.SystemNamespace).Get(ctx, webhookName, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		pods, err := testEnv.Client.CoreV1().Pods(framework.SystemNamespace).List(ctx, ofWebhook)
		if err != nil {
			return false, err
		}
		return len(pods.Items) == int(*deployment.Spec.Replicas), nil
	})
	if err != nil {
		t.Fatalf("replaced pods of the webhook did not end: %v", err)
	}
}

// maxPending limits the pods whose creation is not complete. On a machine that is too slow for the
// rate, more of them would only slow down the rollout.
const maxPending = 25

// load creates pods at a steady rate.
type load struct {
	stop context.CancelFunc
	done chan struct{}

	mu      sync.Mutex
	created int
	refused []error
}

func newLoad(t *testing.T, namespace string) *load {
	ctx, stop := context.WithCancel(t.Context())
	l := &load{stop: stop, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		var pending sync.WaitGroup
		defer pending.Wait()
		slots := make(chan struct{}, maxPending)
		ticker := time.NewTicker(time.Second / podsPerSecond)
		defer ticker.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			slots <- struct{}{}
			pending.Go(func() {
				l.create(t, namespace, n)
				<-slots
			})
		}
	}()
	t.Cleanup(func() { l.end() })
	return l
}

// create does not use the load's context, so that a creation that has begun completes.
func (l *load) create(t *testing.T, namespace string, n int) {
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	pod := labelled(namespace, "web", annotated(key("certificates"), secretURL("web")))
	pod.Name = fmt.Sprint("web-", n)
	keepOff(pod)
	start := time.Now()
	_, err := testEnv.Client.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.created++
	if err != nil {
		l.refused = append(l.refused, fmt.Errorf("pod %s, after %s: %w", pod.Name, time.Since(start), err))
	}
}

// end stops the load. It returns the number of requested pods, and the errors of those that were
// refused.
func (l *load) end() (created int, refused []error) {
	l.stop()
	<-l.done
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.created, l.refused
}
