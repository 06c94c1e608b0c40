package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// handshakeIn bounds a handshake. A client waits about as long.
const handshakeIn = 10 * time.Second

// lostProbes are lost in a row when the kubelet takes a pod out of service.
const lostProbes = 3

// traffic is what goes on during all faults on the node: TLS clients of the apps that verify the
// chain, probes of their sidecars, and renewals.
type traffic struct {
	cancel context.CancelFunc
	group  sync.WaitGroup
}

func (r *traffic) begin(ctx context.Context, n *node) {
	ctx, r.cancel = context.WithCancel(ctx)
	for _, a := range n.apps {
		r.group.Go(func() { rig.Every(ctx, 100*time.Millisecond, func() { a.connect(ctx) }) })
		r.group.Go(func() { rig.Every(ctx, time.Second, func() { a.probe(ctx) }) })
		r.group.Go(func() { rig.Every(ctx, 2*time.Second, func() { n.check(ctx, a.name+": renewal", a.renew(ctx)) }) })
	}
}

func (r *traffic) end() {
	if r.cancel != nil {
		r.cancel()
		r.group.Wait()
	}
}

// check counts a check for the fault that is being made.
func (n *node) check(ctx context.Context, where string, err error) {
	if t := n.trial.Load(); t != nil && ctx.Err() == nil {
		t.check(where, err)
	}
}

// connect makes a handshake with the app, and checks that it serves no older version than before.
func (a *app) connect(ctx context.Context) {
	before := a.shaken.Load()
	version, err := a.handshake(ctx)
	if err != nil && (before || a.shaken.Load()) {
		return
	}
	if last := a.seen.Load(); err == nil && version < last {
		err = fmt.Errorf("version %d is served after version %d", version, last)
	}
	if err == nil {
		a.seen.Store(version)
	}
	a.node.check(ctx, a.name+": TLS client", err)
}

// handshake connects to the app, verifies the chain, and returns the version.
func (a *app) handshake(ctx context.Context) (version int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeIn)
	defer cancel()
	raw, err := a.node.Cluster.Dial(ctx, "tcp", a.pod.Status.PodIP+":8443")
	if err != nil {
		return 0, err
	}
	defer raw.Close()
	conn := tls.Client(raw, &tls.Config{RootCAs: a.roots, ServerName: a.dnsName(), MinVersion: tls.VersionTLS12})
	if err := conn.HandshakeContext(ctx); err != nil {
		return 0, err
	}
	version = int64(conn.ConnectionState().PeerCertificates[0].NotAfter.Sub(a.base) / time.Second)
	// A renewal may be served before it is counted.
	if newest := a.newest.Load() + 1; version < 1 || version > newest {
		return 0, fmt.Errorf("version %d is served, the newest is %d", version, newest)
	}
	return version, nil
}

// probe checks that the sidecar is ready, and gives what it serves to the scanner.
func (a *app) probe(ctx context.Context) {
	before := a.shaken.Load()
	_, err := a.get(ctx, contract.PathReady)
	switch a.lost++; {
	case err == nil:
		a.lost = 0
		a.node.check(ctx, a.name+": readiness", nil)
	case before || a.shaken.Load():
		a.lost = 0
	case a.lost >= lostProbes:
		a.node.check(ctx, a.name+": readiness", err)
	}
	for _, path := range []string{contract.PathStatus, contract.PathMetrics} {
		if text, err := a.get(ctx, path); err == nil { // checked above
			a.node.runner.scanner.add("node: "+a.name+path, []byte(text))
		}
	}
}

// get returns the body of a response in the node's network. Any but a successful one is an error.
func (n *node) get(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeIn)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DialContext: n.Cluster.Dial, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", url, resp.Status, body)
	}
	return string(body), err
}

// goodPod is a pod that must be injected into. It runs nowhere.
func goodPod(namespace, account, name string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, Labels: map[string]string{contract.LabelUse: "true"},
			Annotations: map[string]string{contract.Prefix + contract.KeyCertificates: secretOf("steady")},
		},
		Spec: goodPodSpec(account),
	}
}

func goodPodSpec(account string) corev1.PodSpec {
	yes, no, user := true, false, int64(1000)
	return corev1.PodSpec{
		ServiceAccountName: account,
		NodeSelector:       map[string]string{"certsync.example/nowhere": "true"},
		SchedulerName:      "nobody",
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: &yes, RunAsUser: &user, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{{
			Name: "app", Image: "app:1",
			SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: &no, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			},
		}},
	}
}

// hasSidecar checks that a pod has its sidecar and its identity.
func hasSidecar(pod *corev1.Pod) error {
	if pod.Annotations[contract.Prefix+contract.KeyInjected] != "true" {
		return fmt.Errorf("pod %s was admitted without the webhook", pod.Name)
	}
	for _, c := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
		if c.Name == contract.ContainerName {
			return nil
		}
	}
	return fmt.Errorf("pod %s has no sidecar", pod.Name)
}
