package cluster

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/types"
)

// output runs a command and returns its standard output. The error contains the command and at most
// the last 4 KiB of its standard error. If the caller has set the command's Stderr, that receives
// all of it, too.
func output(cmd *exec.Cmd) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout = &stdout
	if cmd.Stderr == nil {
		cmd.Stderr = &stderr
	} else {
		cmd.Stderr = io.MultiWriter(&stderr, cmd.Stderr)
	}
	if err := cmd.Run(); err != nil {
		const most = 4 << 10
		said := bytes.TrimSpace(stderr.Bytes())
		if len(said) > most {
			said = said[len(said)-most:]
		}
		return stdout.Bytes(), &CommandError{Command: strings.Join(cmd.Args, " "), Stderr: string(said), Err: err}
	}
	return stdout.Bytes(), nil
}

// CommandError reports that a program failed.
type CommandError struct {
	// Command is the command line.
	Command string
	// Stderr is the end of the program's standard error.
	Stderr string
	// Err is the reason: an *exec.ExitError, or the error of the start.
	Err error
}

func (e *CommandError) Error() string {
	if e.Stderr == "" {
		return fmt.Sprintf("%s: %v", e.Command, e.Err)
	}
	return fmt.Sprintf("%s: %v: %s", e.Command, e.Err, e.Stderr)
}

func (e *CommandError) Unwrap() error { return e.Err }

// Command returns a command that runs where the cluster's addresses are reachable, with KUBECONFIG
// set and the node's kubectl and helm first in PATH. It sees the machine's files. The caller sets
// the streams and runs the command.
func (c *Cluster) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	if c.node == nil {
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Env = append(os.Environ(), "KUBECONFIG="+c.kubeconfig)
		return cmd
	}
	// Uses nsenter because "ip netns exec" would mount another /sys.
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"--net=" + c.node.netns(), "--", name}, args...)...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.kubeconfig, "PATH="+c.node.programs.path()+":"+os.Getenv("PATH"))
	return cmd
}

// OnNode returns a command that runs on the node, as an administrator would run it there: it sees
// the node's processes, mounts and addresses, and the machine's programs and files. It ends when
// the node ends. It does not work on an external cluster.
func (c *Cluster) OnNode(ctx context.Context, name string, args ...string) *exec.Cmd {
	target := []string{"--target", strconv.Itoa(c.node.init), "--mount", "--pid", "--net", "--", name}
	return exec.CommandContext(ctx, "nsenter", append(target, args...)...)
}

// EmptyDir returns the path of a pod's emptyDir volume on the node, for OnNode.
func (c *Cluster) EmptyDir(pod types.UID, volume string) string {
	return c.node.path("kubelet", "pods", string(pod), "volumes", "kubernetes.io~empty-dir", volume)
}

// Kubectl runs kubectl and returns its standard output. The error is a *CommandError.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) (string, error) {
	out, err := output(c.Command(ctx, "kubectl", args...))
	return string(out), err
}

// KubectlApply applies manifests (YAML or JSON) and returns the standard output of kubectl. The
// error is a *CommandError.
func (c *Cluster) KubectlApply(ctx context.Context, manifests string) (string, error) {
	cmd := c.Command(ctx, "kubectl", "apply", "-f", "-")
	cmd.Stdin = strings.NewReader(manifests)
	out, err := output(cmd)
	return string(out), err
}

// Helm runs Helm 4 and returns its standard output. The error is a *CommandError.
func (c *Cluster) Helm(ctx context.Context, args ...string) (string, error) {
	out, err := output(c.Command(ctx, "helm", args...))
	return string(out), err
}

// Helm3 does the same with the pinned Helm 3, which it builds if needed.
func (c *Cluster) Helm3(ctx context.Context, args ...string) (string, error) {
	program, err := Program(ctx, io.Discard, "helm3")
	if err != nil {
		return "", err
	}
	out, err := output(c.Command(ctx, program, args...))
	return string(out), err
}

// Containerd returns a command of containerd's client on the node, in the namespace of the kubelet.
// It does not work on an external cluster.
func (c *Cluster) Containerd(ctx context.Context, args ...string) *exec.Cmd {
	return c.node.ctr(ctx, args...)
}

// ctr returns a command of containerd's client, for the images that the kubelet sees.
func (n *node) ctr(ctx context.Context, args ...string) *exec.Cmd {
	all := append([]string{"--address", n.path("containerd.sock"), "--namespace", "k8s.io"}, args...)
	return exec.CommandContext(ctx, n.programs["ctr"], all...)
}

// path returns the directories of the programs as a PATH.
func (p programs) path() string {
	var dirs []string
	for _, name := range []string{"kubectl", "helm", "containerd", "etcd"} {
		dirs = append(dirs, filepath.Dir(p[name]))
	}
	return strings.Join(dirs, ":")
}
