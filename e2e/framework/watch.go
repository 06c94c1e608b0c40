package framework

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/testapp/report"
)

// Watcher is a client in another pod that repeats TLS handshakes with an app.
type Watcher struct {
	lines <-chan report.Line
	last  report.Line
}

// Watch starts a client that connects to the app's ready pod. The client verifies the chain for the
// given DNS name, and trusts only the root of the emulated vault. It ends with the context.
//
// The client connects to the pod, not to a Service. When any container of a pod restarts, the pod
// leaves its Services until the kubelet has seen that container's startup probe succeed. The client
// would count that as a failure of the app.
func (e *Environment) Watch(ctx context.Context, namespace, app, dnsName string) (*Watcher, error) {
	server, err := e.AwaitPod(ctx, namespace, app, Ready)
	if err != nil {
		return nil, err
	}
	err = e.apply(ctx, "watcher.yaml", map[string]string{
		"Namespace": namespace, "App": app, "Address": server.Status.PodIP, "DNSName": dnsName,
		"Root": e.Roots.Issuer, "Image": e.Cluster.Image("testapp"),
	})
	if err != nil {
		return nil, err
	}
	pod := app + "-watcher"
	if _, err := e.AwaitPod(ctx, namespace, pod, Ready); err != nil {
		return nil, err
	}
	log, err := e.Client.CoreV1().Pods(namespace).GetLogs(pod, &corev1.PodLogOptions{Follow: true}).Stream(ctx)
	if err != nil {
		return nil, err
	}
	lines := make(chan report.Line, 16)
	go read(ctx, log, lines)
	return &Watcher{lines: lines}, nil
}

// Await reads lines until one satisfies the condition, and returns that line.
func (w *Watcher) Await(ctx context.Context, condition func(report.Line) bool) (report.Line, error) {
	for {
		select {
		case line, ok := <-w.lines:
			if !ok {
				return w.last, fmt.Errorf("the watcher ended; its last line: %+v", w.last)
			}
			if w.last = line; condition(line) {
				return line, nil
			}
		case <-ctx.Done():
			return w.last, fmt.Errorf("%w; the watcher's last line: %+v", ctx.Err(), w.last)
		}
	}
}

// Serial waits until the app serves a verified certificate with this serial number, in hexadecimal.
func (w *Watcher) Serial(ctx context.Context, serial string) (report.Line, error) {
	return w.Await(ctx, func(l report.Line) bool { return strings.EqualFold(l.Serial, serial) })
}

// Last returns the last line that was read.
func (w *Watcher) Last() report.Line { return w.last }

// read decodes the lines of the log until the log ends.
func read(ctx context.Context, log io.ReadCloser, lines chan<- report.Line) {
	defer close(lines)
	defer log.Close()
	decoder := json.NewDecoder(log)
	for {
		var line report.Line
		if err := decoder.Decode(&line); err != nil {
			return
		}
		select {
		case lines <- line:
		case <-ctx.Done():
			return
		}
	}
}
