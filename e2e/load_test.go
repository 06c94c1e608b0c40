package e2e

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// maxPending limits the pods whose creation is not complete. On a machine that is too slow for the
// rate, more of them would only slow down what the test measures.
const maxPending = 25

// load creates pods at a steady rate.
type load struct {
	stop context.CancelFunc
	done chan struct{}

	mu        sync.Mutex
	requested int // pods whose creation has ended since the last take
	failed    []error
	stored    int // pods that were created since the start
}

func newLoad(t *testing.T, namespace string, podsPerSecond int) *load {
	ctx, stop := context.WithCancel(t.Context())
	l := &load{stop: stop, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		var pending sync.WaitGroup
		defer pending.Wait()
		slots := make(chan struct{}, maxPending)
		ticker := time.NewTicker(time.Second / time.Duration(podsPerSecond))
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
	l.requested++
	if err != nil {
		l.failed = append(l.failed, fmt.Errorf("pod %s, after %s: %w", pod.Name, time.Since(start), err))
		return
	}
	l.stored++
}

// await waits until more pods have been created.
func (l *load) await(t *testing.T, more int) {
	t.Helper()
	stored := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.stored
	}
	wanted := stored() + more
	err := wait.PollUntilContextCancel(testContext(t), 50*time.Millisecond, true, func(context.Context) (bool, error) {
		return stored() >= wanted, nil
	})
	if err != nil {
		t.Fatalf("the load does not continue: %v", err)
	}
}

// take returns the number of pods that were requested since the last call, and the errors of those
// that were not created.
func (l *load) take() (requested int, failed []error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	requested, failed = l.requested, l.failed
	l.requested, l.failed = 0, nil
	return requested, failed
}

// end stops the load, and returns the same as take.
func (l *load) end() (requested int, failed []error) {
	l.stop()
	<-l.done
	return l.take()
}

// allInjected asserts that all pods of a namespace were admitted with sidecar and identity, and
// returns their number.
func allInjected(t *testing.T, namespace string) int {
	t.Helper()
	pods, err := testEnv.Client.CoreV1().Pods(namespace).List(testContext(t), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		if pod.Annotations[key(contract.KeyInjected)] != "true" || len(pod.Spec.InitContainers) != 1 || len(tokens(pod)) != 1 {
			t.Errorf("pod %s was admitted without its sidecar", pod.Name)
		}
	}
	return len(pods.Items)
}
