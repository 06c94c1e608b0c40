// Package cluster runs a real one-node Kubernetes on a Linux machine for tests, the demo and
// benchmarks, or lends the cluster that the caller already has.
//
// The node is made of the programs themselves (etcd, kube-apiserver, kube-controller-manager,
// kube-scheduler, kubelet, kube-proxy, containerd, runc), built from pinned Go modules, with no
// image registry and no binary download. It lives in its own network, mount and PID namespaces. So
// it touches no address, mount or directory of the machine, and it ends as a whole when the first
// process of its PID namespace ends. What lies outside of the namespaces is one state directory
// (/var/tmp/NAME), one cgroup (NAME) and lock files (/run/lock/NAME.*): Down removes them all, also
// those of a run that was killed, whose node ends by itself within seconds.
//
// With KUBECONFIG and E2E_REGISTRY both set, Up returns the cluster that KUBECONFIG names: images
// are pushed to that registry, nothing is started, and Down and Release do nothing.
//
// The package needs Linux and, to start a node, root. It never listens or connects outside of the
// node's network namespace, except that the Go command and apt-get may download what is not cached
// yet.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"sync"
)

// DefaultName is the cluster that all test packages of the repository share.
const DefaultName = "certsync-e2e"

// namePattern keeps names recognisable as the project's: Down removes what bears such a name.
var namePattern = regexp.MustCompile(`^certsync-[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)

// Options say which cluster is meant and where progress is reported.
type Options struct {
	// Name identifies the cluster on this machine; it begins with "certsync-". Empty means
	// DefaultName. Clusters of different names run side by side.
	Name string
	// Log receives one line per step with the elapsed time. Nil means os.Stderr.
	Log io.Writer
	// Keep leaves the node running when its last user releases it; only Down ends it then. It is
	// remembered with the node, so that one Up with Keep is enough.
	Keep bool
}

// Cluster is a running Kubernetes. Its methods may be called from several goroutines.
type Cluster struct {
	name       string
	kubeconfig string
	registry   string    // "" for a node that this package started
	node       *node     // nil for an external cluster
	users      *lockFile // held shared; nil for who does not count as a user
	log        *progress

	mu     sync.Mutex
	images map[string]string // name -> reference
}

// Up returns a cluster that is ready for pods: a healthy node of that name is reused, a half-dead
// one is taken away first, and none is started twice, also when several processes ask at once. A
// start from built programs takes about ten seconds; the first build takes minutes. The caller ends
// its use with Release, or the node with Down.
//
// On an error nothing of a node that this call began to start is left. The error names the program
// that failed and has the last lines of its log.
func Up(ctx context.Context, o Options) (*Cluster, error) {
	return connect(ctx, o, true)
}

// Attach is Up for a node that runs already: it returns an error if the node does not run or is not
// healthy. The caller does not count as one of its users: the node may end at any time, and Release
// does nothing.
func Attach(ctx context.Context, o Options) (*Cluster, error) {
	return connect(ctx, o, false)
}

// connect returns the external cluster, or the node of that name: found, or, for a user, started if
// needed.
func connect(ctx context.Context, o Options, user bool) (*Cluster, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if c, err := external(ctx, o); c != nil || err != nil {
		return c, err
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("cluster: starting a node needs root: run as root, or set KUBECONFIG and E2E_REGISTRY to use a cluster that exists")
	}
	start, err := lock(ctx, o.Name, "start")
	if err != nil {
		return nil, err
	}
	defer start.remove()
	log := newProgress(o.Log)
	n, err := prepareNode(ctx, o.Name, log)
	if err != nil {
		return nil, err
	}
	c := &Cluster{name: o.Name, kubeconfig: n.path("admin.kubeconfig"), node: n, log: log, images: map[string]string{}}
	if !user {
		err = n.attach(ctx)
	} else if err = n.ensure(ctx); err == nil {
		err = c.use(ctx, o.Keep)
	}
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", o.Name, err)
	}
	return c, nil
}

// use counts this process as a user of the node. It comes after the start, which may clear up after
// an earlier run, the lock's file included.
func (c *Cluster) use(ctx context.Context, keep bool) error {
	if keep {
		if err := c.node.keep(); err != nil {
			return err
		}
	}
	users, err := share(ctx, c.name, "users")
	c.users = users
	return err
}

// Down ends the cluster of that name and removes everything of it, whatever state it is in and even
// if it is in use. It returns nil when there is nothing to remove. An external cluster is left
// alone.
func Down(ctx context.Context, o Options) error {
	o, err := o.withDefaults()
	if err != nil {
		return err
	}
	start, err := lock(ctx, o.Name, "start")
	if err != nil {
		return err
	}
	defer start.remove()
	if err := destroy(ctx, o.Name, newProgress(o.Log)); err != nil {
		return fmt.Errorf("cluster %s: %w", o.Name, err)
	}
	return nil
}

// Down ends the cluster for all its users and removes everything of it. A second call does nothing.
func (c *Cluster) Down(ctx context.Context) error {
	if c.node == nil {
		return nil
	}
	return Down(ctx, Options{Name: c.name, Log: c.log.w})
}

// Release ends this caller's use. The last user's Release takes the node away, unless it is to be
// kept (Options.Keep).
func (c *Cluster) Release(ctx context.Context) error {
	if c.users == nil {
		return nil
	}
	start, err := lock(ctx, c.name, "start")
	if err != nil {
		return err
	}
	defer start.remove()
	last := c.users.exclusive()
	c.users.unlock()
	if !last || c.node.kept() {
		return nil
	}
	return destroy(ctx, c.name, c.log)
}

// Name returns the cluster's name; for an external one, its context in the kubeconfig.
func (c *Cluster) Name() string { return c.name }

// External tells whether the cluster is one that KUBECONFIG named, so that tests which need the
// node itself can ask.
func (c *Cluster) External() bool { return c.node == nil }

// Kubeconfig returns the path of the administrator's kubeconfig. For a node that this package
// started, its server address is only reachable inside of the node's network namespace: see
// Command, RESTConfig and Dial.
func (c *Cluster) Kubeconfig() string { return c.kubeconfig }

func (o Options) withDefaults() (Options, error) {
	if o.Name == "" {
		o.Name = DefaultName
	}
	if !namePattern.MatchString(o.Name) {
		return o, fmt.Errorf("cluster: name %q: want certsync- and up to 32 of a-z, 0-9 and -", o.Name)
	}
	if o.Log == nil {
		o.Log = os.Stderr
	}
	return o, nil
}
