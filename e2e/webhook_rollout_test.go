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

// podsPerSecond is the rate at which pods are created while the webhook is replaced.
const podsPerSecond = 50

// No pod is refused and none is let in without its sidecar while the webhook is rolled out three
// times, with failurePolicy Fail.
//
// It loads the whole node: this test does not run beside others.
func TestRollingUpdate(t *testing.T) {
	namespace := newNamespace(t, "rolling", "restricted", nil)
	newServiceAccount(t, namespace, "web", withClientID())
	start := time.Now()
	l := newLoad(t, namespace)
	for range 3 {
		for _, args := range [][]string{
			{"rollout", "restart", "deployment/" + webhookName, "--namespace", framework.SystemNamespace},
			{"rollout", "status", "deployment/" + webhookName, "--namespace", framework.SystemNamespace, "--timeout=2m"},
		} {
			if _, err := testEnv.Cluster.Kubectl(testContext(t), args...); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Replicas that were replaced go on to serve what reaches them; then they are gone, and so must
	// be their connections.
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
		t.Errorf("there are %d pods", len(pods.Items))
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		if pod.Annotations[key(contract.KeyInjected)] != "true" || len(pod.Spec.InitContainers) != 1 || len(tokens(pod)) != 1 {
			t.Errorf("pod %s was let in as it was", pod.Name)
		}
	}
}

// gone waits until only pods of the newest rollout of the webhook are left.
func gone(t *testing.T) {
	t.Helper()
	err := wait.PollUntilContextCancel(testContext(t), 200*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		deployment, err := testEnv.Client.AppsV1().Deployments(framework.SystemNamespace).Get(ctx, webhookName, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		pods, err := testEnv.Client.CoreV1().Pods(framework.SystemNamespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		return len(pods.Items) == int(*deployment.Spec.Replicas), nil
	})
	if err != nil {
		t.Fatalf("replaced pods of the webhook do not end: %v", err)
	}
}

// maxPending bounds the pods that are not answered yet: on a machine that is too slow for the rate,
// more would only keep the node from rolling out the webhook.
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

// create is not bound to the load's context: a pod that was begun is to be created.
func (l *load) create(t *testing.T, namespace string, n int) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
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

// end stops the load and returns how many pods were requested, and why some were refused.
func (l *load) end() (created int, refused []error) {
	l.stop()
	<-l.done
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.created, l.refused
}
