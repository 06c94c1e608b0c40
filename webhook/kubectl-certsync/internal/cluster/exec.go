package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"
)

// ExitError is returned if a command in a container ends with another code than 0.
type ExitError struct {
	Code           int
	Stdout, Stderr string
}

func (e *ExitError) Error() string {
	return fmt.Sprintf("the command in the container ended with exit code %d: %s", e.Code, strings.TrimSpace(e.Stderr+e.Stdout))
}

// Exec runs a command in a container and returns its standard output. The error is an *ExitError if
// the command failed.
func (c *Client) Exec(ctx context.Context, pod *corev1.Pod, container string, command ...string) ([]byte, error) {
	executor, err := c.executor(pod, container, command)
	if err != nil {
		return nil, err
	}
	var stdout, stderr bytes.Buffer
	err = executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: &stdout, Stderr: &stderr})
	var exit exec.CodeExitError
	switch {
	case errors.As(err, &exit):
		return nil, &ExitError{Code: exit.Code, Stdout: stdout.String(), Stderr: stderr.String()}
	case err != nil && c.denied(ctx, pod.Namespace, "exec"):
		return nil, &AccessError{Text: fmt.Sprintf("you are not allowed to run commands in pods of namespace %q: ask for the permission \"create\" on pods/exec",
			pod.Namespace)}
	case errors.Is(err, context.DeadlineExceeded):
		return nil, errors.New("the sidecar did not respond in time: the node or its kubelet may not be reachable")
	case err != nil:
		return nil, fmt.Errorf("the API server cannot run a command in the container: %w", err)
	}
	return stdout.Bytes(), nil
}

// executor uses a WebSocket, and SPDY if the API server is older than 1.30 or a proxy is in the
// way.
func (c *Client) executor(pod *corev1.Pod, container string, command []string) (remotecommand.Executor, error) {
	url := c.CoreV1().RESTClient().Post().Resource("pods").Namespace(pod.Namespace).Name(pod.Name).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Container: container, Command: command, Stdout: true, Stderr: true}, scheme.ParameterCodec).URL()
	ws, err := remotecommand.NewWebSocketExecutor(c.config, "GET", url.String())
	if err != nil {
		return nil, err
	}
	spdy, err := remotecommand.NewSPDYExecutor(c.config, "POST", url)
	if err != nil {
		return nil, err
	}
	return remotecommand.NewFallbackExecutor(ws, spdy, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	})
}
