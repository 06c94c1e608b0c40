package e2e

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
)

// fault is something that happens to one of the replicas, or to what they depend on.
type fault struct {
	name  string
	cause func(*testing.T)
	// costs are the errors that a fault without notice may cost some pods: the API server does not
	// repeat a request that fails so.
	costs []string
}

// faults are those of each run; lasting takes longer.
var (
	faults = []fault{
		{name: "a replica is killed", cause: killReplica, costs: cut},
		{name: "a replica is deleted by force", cause: deleteReplica},
		{name: "both replicas are drained", cause: drainReplicas},
		{name: "the serving certificate is renewed", cause: beginRenewal},
		{name: "the API server is restarted", cause: restartAPIServer},
		{name: "the chart is upgraded", cause: upgradeRelease},
	}
	lasting = fault{name: "a replica hangs", cause: hangReplica, costs: append([]string{"context deadline exceeded"}, cut...)}
)

// cut are the errors of connections whose server has ended.
var cut = []string{"connection refused", "connection reset by peer", "broken pipe", "EOF", "use of closed network connection"}

// With failurePolicy Fail, no pod is admitted without its sidecar while one of the two replicas
// fails or is replaced, and none is refused. If a process is killed or hangs, the only pods that
// are refused are those whose call reaches that process.
//
// This test changes the whole cluster, so it does not run in parallel with others.
func TestHighAvailability(t *testing.T) {
	rounds, all := 1, faults
	if long() {
		rounds, all = 5, append(slices.Clone(faults), lasting)
	}
	restoreChart(t)
	namespace := newNamespace(t, "ha", "restricted", nil)
	newServiceAccount(t, namespace, "web", withClientID())
	l := newLoad(t, namespace, 20)
	for range rounds {
		for _, f := range all {
			t.Run(f.name, func(t *testing.T) {
				l.take()
				start := time.Now()
				f.cause(t)
				bothServe(t)
				l.await(t, 20)
				requested, failed := l.take()
				f.judge(t, requested, failed)
				t.Logf("it took %.1f s until both replicas served", time.Since(start).Seconds())
			})
		}
	}
	l.end()
	t.Logf("%d pods were stored", allInjected(t, namespace))
}

// judge reports the errors that the fault must not cause, and how many pods the others cost.
func (f fault) judge(t *testing.T, requested int, failed []error) {
	t.Helper()
	refused := 0
	for _, err := range failed {
		if !answered(err) {
			continue
		}
		refused++
		text := err.Error()
		if strings.Contains(text, "failed calling webhook") &&
			slices.ContainsFunc(f.costs, func(cost string) bool { return strings.Contains(text, cost) }) {
			t.Log(err)
		} else {
			t.Error(err)
		}
	}
	t.Logf("%d pods: %d refused, and %d did not reach the API server", requested, refused, len(failed)-refused)
}

// answered tells whether an error is a response of the API server, other than that it is not ready.
// While it restarts, it accepts no connections, and then refuses all requests for a moment.
func answered(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status) && !strings.Contains(err.Error(), "not yet ready to handle request")
}

// bothServe waits until there are two replicas, no others, and both are ready.
func bothServe(t *testing.T) {
	t.Helper()
	err := wait.PollUntilContextCancel(testContext(t), 200*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		pods, err := testEnv.Client.CoreV1().Pods(framework.SystemNamespace).List(ctx, ofWebhook)
		if err != nil {
			return false, err
		}
		ready := 0
		for i := range pods.Items {
			if framework.Ready(&pods.Items[i]) && pods.Items[i].DeletionTimestamp == nil {
				ready++
			}
		}
		return len(pods.Items) == 2 && ready == 2, nil
	})
	if err != nil {
		t.Fatalf("the webhook does not have two ready replicas: %v", err)
	}
}

// killReplica kills the process of a replica, and prints how long the replica does not serve. Then
// it deletes the pod: if the process were killed again, the kubelet would wait before it starts it.
func killReplica(t *testing.T) {
	pod := busiest(t)
	outage := measureOutage(t, pod)
	sendSignal(t, pod, "KILL")
	awaitReplica(t, pod, func(p *corev1.Pod) bool {
		return framework.ContainerStatus(p, "webhook").RestartCount > framework.ContainerStatus(pod, "webhook").RestartCount && framework.Ready(p)
	})
	if outage != nil {
		t.Log(<-outage)
	}
	deletePod(t, pod)
}

// hangReplica stops the process of a replica until the kubelet has noticed that it hangs.
func hangReplica(t *testing.T) {
	pod := busiest(t)
	sendSignal(t, pod, "STOP")
	start := time.Now()
	awaitReplica(t, pod, func(p *corev1.Pod) bool { return !framework.Ready(p) })
	t.Logf("the replica was out of the Service %.1f s after it began to hang", time.Since(start).Seconds())
	sendSignal(t, pod, "CONT")
}

func sendSignal(t *testing.T, pod *corev1.Pod, name string) {
	t.Helper()
	if err := testEnv.SignalContainer(testContext(t), pod, "webhook", name); err != nil {
		t.Fatal(err)
	}
}

func awaitReplica(t *testing.T, pod *corev1.Pod, condition func(*corev1.Pod) bool) {
	t.Helper()
	err := wait.PollUntilContextCancel(testContext(t), 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		p, err := testEnv.Client.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
		return err == nil && condition(p), err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func deleteReplica(t *testing.T) { deletePod(t, busiest(t)) }

// deletePod deletes a pod as "kubectl delete --force" does.
func deletePod(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	now := int64(0)
	err := testEnv.Client.CoreV1().Pods(pod.Namespace).Delete(testContext(t), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &now})
	if err != nil {
		t.Fatal(err)
	}
}

// drainReplicas evicts both replicas as "kubectl drain" does: it repeats what the
// PodDisruptionBudget refuses.
func drainReplicas(t *testing.T) {
	for i, pod := range webhookPods(t) {
		refused := 0
		err := wait.PollUntilContextCancel(testContext(t), 200*time.Millisecond, true, func(ctx context.Context) (bool, error) {
			err := testEnv.Client.PolicyV1().Evictions(pod.Namespace).Evict(ctx,
				&policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name}})
			if apierrors.IsTooManyRequests(err) {
				refused++
				return false, nil
			}
			return err == nil, err
		})
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 && refused == 0 {
			t.Error("the PodDisruptionBudget allowed the eviction of both replicas at once")
		}
	}
}

func restartAPIServer(t *testing.T) {
	if testEnv.Cluster.External() {
		t.Skip("the API server of an external cluster cannot be restarted from here")
	}
	if err := testEnv.Cluster.Restart(testContext(t), "kube-apiserver"); err != nil {
		t.Fatal(err)
	}
}

// upgradeRelease goes back to images of another tag, and then upgrades to the current ones. Both
// replicas are replaced twice, and while they are, two releases run side by side.
func upgradeRelease(t *testing.T) {
	if testEnv.Cluster.External() {
		t.Skip("an image cannot be tagged on an external cluster")
	}
	before := testEnv.Values()
	for _, image := range []string{"webhook", "sidecar"} {
		reference := "localhost/" + image + ":before"
		if err := testEnv.Cluster.TagImage(testContext(t), image, reference); err != nil {
			t.Fatal(err)
		}
		before[image].(map[string]any)["image"] = reference
	}
	for _, values := range []map[string]any{before, testEnv.Values()} {
		if err := testEnv.UpgradeChart(testContext(t), values); err != nil {
			t.Fatal(err)
		}
	}
}
