package e2e

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// busiest returns the replica that serves most of a load. At 20 pods per second the API server
// often has a connection to one replica only, and to lose that one is worse than to lose the other.
func busiest(t *testing.T) *corev1.Pod {
	t.Helper()
	pods := webhookPods(t)
	before := injections(t, pods)
	for {
		now := injections(t, pods)
		first, second := now[0]-before[0], now[1]-before[1]
		switch {
		case first+second < 20:
		case first > second:
			return &pods[0]
		default:
			return &pods[1]
		}
	}
}

// injections returns how many pods each replica has injected since its start.
func injections(t *testing.T, pods []corev1.Pod) []int {
	t.Helper()
	var counts []int
	for _, pod := range pods {
		text, err := testEnv.Client.CoreV1().Pods(pod.Namespace).ProxyGet("http", pod.Name, "8095", "metrics", nil).DoRaw(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		_, sample, _ := strings.Cut(string(text), "\n"+`certsync_webhook_requests_total{outcome="injected"} `)
		value, _, _ := strings.Cut(sample, "\n")
		count, err := strconv.Atoi(value)
		if err != nil {
			t.Fatalf("the metrics of pod %s: %v", pod.Name, err)
		}
		counts = append(counts, count)
	}
	return counts
}

// measureOutage returns a channel that receives how long a replica does not serve: from the moment
// when it first does not respond until it is ready again. On an external cluster, pods cannot be
// reached from here.
func measureOutage(t *testing.T, pod *corev1.Pod) <-chan string {
	if testEnv.Cluster.External() {
		return nil
	}
	client := http.Client{Transport: &http.Transport{DialContext: testEnv.Cluster.Dial, DisableKeepAlives: true}, Timeout: time.Second}
	ctx, outage := testContext(t), make(chan string, 1)
	// until returns when a probe has a wanted outcome: the code of the response, or 0.
	until := func(wanted func(code int) bool) time.Time {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for ; ; <-tick.C {
			code := 0
			if resp, err := client.Get("http://" + net.JoinHostPort(pod.Status.PodIP, "9440") + "/readyz"); err == nil {
				resp.Body.Close()
				code = resp.StatusCode
			}
			if wanted(code) || ctx.Err() != nil {
				return time.Now()
			}
		}
	}
	go func() {
		killed := until(func(code int) bool { return code == 0 })
		started := until(func(code int) bool { return code != 0 })
		ready := until(func(code int) bool { return code == http.StatusOK })
		outage <- fmt.Sprintf("the replica was ready again %d ms after the kill: the node started the process after %d ms",
			ready.Sub(killed).Milliseconds(), started.Sub(killed).Milliseconds())
	}()
	return outage
}
