package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"
)

// ServedCertificate returns the result of a TLS handshake with a port of a pod, through the API
// server. The config decides what is verified.
func (c *Client) ServedCertificate(ctx context.Context, pod *corev1.Pod, port int, config *tls.Config) (*tls.ConnectionState, error) {
	local, stop, err := c.forward(ctx, pod, port)
	if err != nil {
		return nil, err
	}
	defer stop()
	d := tls.Dialer{Config: config}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(local)))
	if err != nil {
		return nil, fmt.Errorf("TLS handshake with pod %s: %w", pod.Name, err)
	}
	defer conn.Close()
	state := conn.(*tls.Conn).ConnectionState()
	return &state, nil
}

// forward opens a local port that leads to a port of the pod, until stop is called.
func (c *Client) forward(ctx context.Context, pod *corev1.Pod, port int) (local int, stop func(), err error) {
	dialer, err := c.forwardDialer(pod)
	if err != nil {
		return 0, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ready := make(chan struct{})
	f, err := portforward.NewOnAddressesForStreamingWithContext(ctx, dialer, []string{"127.0.0.1"}, []string{fmt.Sprintf("0:%d", port)}, ready, io.Discard, io.Discard)
	if err != nil {
		cancel()
		return 0, nil, err
	}
	failed := make(chan error, 1)
	go func() { failed <- f.ForwardPorts() }()
	select {
	case <-ready:
	case err = <-failed:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil && c.denied(ctx, pod.Namespace, "portforward") {
		err = &AccessError{Text: fmt.Sprintf("you are not allowed to forward ports of pods in namespace %q: ask for the permission \"create\" on pods/portforward",
			pod.Namespace)}
	}
	if err != nil {
		cancel()
		return 0, nil, fmt.Errorf("forwarding a port of pod %s: %w", pod.Name, err)
	}
	ports, err := f.GetPorts()
	if err != nil || len(ports) != 1 {
		cancel()
		return 0, nil, errors.Join(errors.New("no local port"), err)
	}
	return int(ports[0].Local), cancel, nil
}

func (c *Client) forwardDialer(pod *corev1.Pod) (httpstream.Dialer, error) {
	url := c.CoreV1().RESTClient().Post().Resource("pods").Namespace(pod.Namespace).Name(pod.Name).SubResource("portforward").URL()
	transport, upgrader, err := spdy.RoundTripperFor(c.config)
	if err != nil {
		return nil, err
	}
	old := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, url)
	tunnel, err := portforward.NewSPDYOverWebsocketDialerForStreaming(url, c.config)
	if err != nil {
		return nil, err
	}
	return portforward.NewFallbackDialerForStreaming(tunnel, old, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	}), nil
}
