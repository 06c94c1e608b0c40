package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// startTimeout limits each wait for a program of the node. On a busy two-core machine, a wait
// usually takes a few seconds.
const startTimeout = 2 * time.Minute

// daemon is a program that runs as long as the node.
type daemon struct {
	program string
	args    []string
}

// daemons returns the node's programs in start order.
func (n *node) daemons() []daemon {
	pki := func(name string) string { return n.path("pki", name) }
	conf := func(name string) string { return "--kubeconfig=" + n.path(name+".kubeconfig") }
	return []daemon{
		{"etcd", []string{
			"--data-dir=" + n.path("etcd"), "--listen-client-urls=" + etcdAddress, "--advertise-client-urls=" + etcdAddress,
			"--unsafe-no-fsync", // the data need not survive a power cut
		}},
		{"containerd", []string{"--config=" + n.path("containerd.toml")}},
		{"kube-apiserver", []string{
			"--etcd-servers=" + etcdAddress, "--secure-port=6443", "--advertise-address=" + nodeIP,
			"--service-cluster-ip-range=" + serviceNetwork,
			"--client-ca-file=" + pki("ca.crt"), "--tls-cert-file=" + pki("apiserver.crt"), "--tls-private-key-file=" + pki("apiserver.key"),
			"--kubelet-certificate-authority=" + pki("ca.crt"),
			"--kubelet-client-certificate=" + pki("apiserver-kubelet-client.crt"), "--kubelet-client-key=" + pki("apiserver-kubelet-client.key"),
			// Otherwise kubectl exec and logs resolve the node's name.
			"--kubelet-preferred-address-types=InternalIP",
			"--service-account-issuer=" + serviceAccountIssuer,
			"--service-account-key-file=" + pki("service-account.crt"), "--service-account-signing-key-file=" + pki("service-account.key"),
			"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
			// Not enabled by default yet: a ClusterTrustBundle can provide the CA of a custom token
			// endpoint.
			"--feature-gates=ClusterTrustBundle=true,ClusterTrustBundleProjection=true",
			"--runtime-config=certificates.k8s.io/v1beta1/clustertrustbundles=true",
		}},
		{"kube-controller-manager", []string{
			conf("controller-manager"), "--authentication-kubeconfig=" + n.path("controller-manager.kubeconfig"),
			"--authorization-kubeconfig=" + n.path("controller-manager.kubeconfig"),
			"--root-ca-file=" + pki("ca.crt"), "--service-account-private-key-file=" + pki("service-account.key"),
			"--use-service-account-credentials", "--allocate-node-cidrs", "--cluster-cidr=" + podNetwork, "--leader-elect=false",
		}},
		{"kube-scheduler", []string{conf("scheduler"), "--authentication-kubeconfig=" + n.path("scheduler.kubeconfig"),
			"--authorization-kubeconfig=" + n.path("scheduler.kubeconfig"), "--leader-elect=false"}},
		{"kubelet", []string{
			conf("kubelet"), "--config=" + n.path("kubelet.yaml"), "--root-dir=" + n.path("kubelet"),
			"--hostname-override=" + nodeName, "--node-ip=" + nodeIP,
		}},
		{"kube-proxy", []string{"--config=" + n.path("kube-proxy.yaml")}},
	}
}

// launch starts a daemon in the node's namespaces. nsenter forks into the PID namespace, and setsid
// forks again. So the daemon's parent is nodeinit, which reaps it, and not this process, which may
// end earlier.
func (n *node) launch(ctx context.Context, d daemon) error {
	log, err := n.openLog(d.program)
	if err != nil {
		return err
	}
	defer log.Close()
	args := []string{"--target", strconv.Itoa(n.init), "--mount", "--pid", "--net", "--wd=/", "--", "setsid", "--fork", n.programs[d.program]}
	cmd := exec.CommandContext(ctx, "nsenter", append(args, d.args...)...)
	// Does not inherit the caller's environment: a proxy setting would misroute the cluster's
	// traffic.
	cmd.Env = []string{"PATH=" + filepath.Dir(n.programs["containerd"]) + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		return n.logged(d.program, fmt.Errorf("start %s: %w", d.program, err))
	}
	return nil
}

// lookups is how many times checkRunning looks for a program before it reports that the program
// does not run. During exec, a process has no command line for a moment.
const lookups = 5

// checkRunning returns an error with the end of the program's log if the program does not run in
// the node.
func (n *node) checkRunning(program string) error {
	for range lookups {
		found, err := running(n.init, n.programs[program])
		if err != nil || len(found) > 0 {
			return err
		}
		time.Sleep(pollInterval)
	}
	return n.logged(program, fmt.Errorf("%s does not run", program))
}

// await waits until ready returns nil. It gives up when one of the programs ends, after
// startTimeout, or when ctx ends. The error contains the last reason and the end of the programs'
// logs.
func (n *node) await(ctx context.Context, what string, programs []string, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		reason := ready(ctx)
		if reason == nil {
			return nil
		}
		for _, p := range programs {
			if err := n.checkRunning(p); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			err := fmt.Errorf("wait for %s: %w: %w", what, ctx.Err(), reason)
			if errors.Is(ctx.Err(), context.Canceled) {
				return err // the caller cancelled: the programs' logs do not matter
			}
			for _, p := range programs {
				err = n.logged(p, err)
			}
			return err
		case <-time.After(pollInterval):
		}
	}
}

func (n *node) openLog(program string) (*os.File, error) {
	return os.OpenFile(n.path("log", program+".log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
}

// logged adds the last lines of a program's log to an error.
func (n *node) logged(program string, err error) error {
	text, readErr := os.ReadFile(n.path("log", program+".log"))
	if readErr != nil {
		return fmt.Errorf("%w (no log of %s: %w)", err, program, readErr)
	}
	return fmt.Errorf("%w\nthe end of %s's log:\n%s", err, program, lastLines(text, 15))
}

// lastLines returns at most the last count lines of text.
func lastLines(text []byte, count int) []byte {
	lines := bytes.Split(bytes.TrimRight(text, "\n"), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-count):], []byte("\n"))
}
