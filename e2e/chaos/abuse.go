package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

const (
	// abuseFor is how long the attacks go on.
	abuseFor = 20 * time.Second
	// attackers attack each target at once.
	attackers = 8
)

// abuse attacks the webhook and the sidecars' ports with a selection of what e2e/abuse does, while
// good pods are created and the apps are used.
func abuse(ctx context.Context, t *trial, n *node) error {
	service, err := n.Client.CoreV1().Services(framework.SystemNamespace).Get(ctx, rig.WebhookName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if err := n.awaitWebhook(ctx); err != nil { // the fault before may have killed replicas
		return err
	}
	before, err := n.allRestarts(ctx)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, abuseFor)
	defer cancel()
	var group sync.WaitGroup
	var connections atomic.Int64
	requests := rig.Attacker{Namespace: "chaos-steady", Account: "steady"}.Worst()
	from, err := n.pids(ctx)
	if err != nil {
		return err
	}
	for i := range attackers {
		first := t.rand.IntN(len(requests))
		group.Go(func() {
			for k := first; limited.Err() == nil; k++ {
				assault(limited, from[i%len(from)], service.Spec.ClusterIP+":443", requests[k%len(requests)], i%4 == 0)
				t.countFault()
			}
		})
	}
	slow := []byte(strings.Repeat("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 100))
	for i, a := range n.apps {
		neighbour := from[(i+1)%len(from)]
		group.Go(func() {
			connections.Add(flood(limited, neighbour, fmt.Sprintf("%s:%d", a.pod.Status.PodIP, contract.DefaultPort), slow))
		})
	}
	good := 0
	rig.Every(limited, 200*time.Millisecond, func() {
		admitted, err := n.Admit(ctx, goodPod("chaos-steady", "steady", "good"))
		if err == nil {
			err = hasSidecar(admitted.Pod)
		}
		t.check("good pod", err)
		good++
	})
	group.Wait()
	progress("%s: %d good pods, %d connections to sidecars", t.fault, good, connections.Load())
	t.check("the webhook's replicas", n.awaitWebhook(ctx))
	after, err := n.allRestarts(ctx)
	if err == nil && after != before {
		err = fmt.Errorf("containers were restarted: %d, before %d", after, before)
	}
	t.check("restarts", err)
	return nil
}

// allRestarts returns how often containers of the apps and of the webhook were restarted.
func (n *node) allRestarts(ctx context.Context) (sum int, err error) {
	if sum, err = n.restarts(ctx); err != nil {
		return 0, err
	}
	pods, err := n.webhookPods(ctx)
	for _, pod := range pods {
		sum += int(framework.ContainerStatus(&pod, webhookContainer).RestartCount)
	}
	return sum, err
}

// pids returns a process of each app, in whose network the attackers are.
func (n *node) pids(ctx context.Context) (pids []int, err error) {
	for _, a := range n.apps {
		pod, err := n.Client.CoreV1().Pods(a.pod.Namespace).Get(ctx, a.pod.Name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		found, err := processesOf(framework.ContainerStatus(pod, "server").ContainerID)
		if err != nil || len(found) == 0 {
			return nil, fmt.Errorf("pod %s has no process: %w", pod.Name, err)
		}
		pids = append(pids, found[0])
	}
	return pids, nil
}

// assault sends a request to the webhook on a new connection from a pod. If it stalls, the end is
// missing, and the connection stays open.
func assault(ctx context.Context, pid int, address string, request []byte, stalls bool) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	raw, err := rig.DialIn(ctx, pid, nil, address)
	if err != nil {
		_ = rig.Pause(ctx, 10*time.Millisecond) // refused: not a busy loop here
		return
	}
	// An attacker does not need to know whom it attacks.
	conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // see above
	defer raw.Close()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline) // it is open
	if stalls {
		request = request[:len(request)-1]
	}
	_, _ = conn.Write(request)           // the webhook may refuse it
	_, _ = io.CopyN(io.Discard, conn, 1) // nor has it to respond to the end
}

// flood opens connections from a pod to a sidecar and does not read from them. The sidecar closes
// old ones.
func flood(ctx context.Context, pid int, address string, request []byte) (opened int64) {
	const most = 500
	var open []net.Conn
	defer func() {
		for _, conn := range open {
			conn.Close()
		}
	}()
	rig.Every(ctx, 20*time.Millisecond, func() {
		conn, err := rig.DialIn(ctx, pid, nil, address)
		if err != nil {
			return
		}
		opened++
		_ = conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)) // nobody has to read it
		_, _ = conn.Write(request)                                        // the sidecar may close it
		if open = append(open, conn); len(open) > most {
			open[0].Close()
			open = open[1:]
		}
	})
	return opened
}
