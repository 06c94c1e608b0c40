// Package cluster runs a real one-node Kubernetes on a Linux machine for tests, the demo and
// benchmarks, or uses an existing cluster.
//
// The node runs the real programs (etcd, kube-apiserver, kube-controller-manager, kube-scheduler,
// kubelet, kube-proxy, containerd, runc). They are built from pinned Go modules, without an image
// registry and without binary downloads. The node runs in its own network, mount and PID
// namespaces. So it changes no address, mount or directory of the machine, and it ends completely
// when the first process of its PID namespace ends. Outside of the namespaces it has one state
// directory (/var/tmp/NAME), one cgroup (NAME) and lock files (/run/lock/NAME.*). Down removes them
// all, also after a run that was killed. The node of such a run ends by itself within seconds.
//
// If KUBECONFIG and E2E_REGISTRY are both set, Up returns the cluster that KUBECONFIG names and
// starts nothing. Images are pushed to that registry, and Down and Release do nothing.
//
// The package needs Linux, and root to start a node. It never listens or connects outside of the
// node's network namespace, except that the go command and apt-get download what is not in the
// cache.
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

// DefaultName is the name of the cluster that all test packages of the repository share.
const DefaultName = "certsync-e2e"

// namePattern makes names recognisable as the project's, because Down removes everything with such
// a name.
var namePattern = regexp.MustCompile(`^certsync-[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)

// Options select a cluster and say where progress is reported.
type Options struct {
	// Name identifies the cluster on this machine. It begins with "certsync-". Empty means
	// DefaultName. Clusters with different names can run at the same time.
	Name string
	// Log receives one line per step, with the elapsed time. Nil means os.Stderr.
	Log io.Writer
	// Keep leaves the node running when its last user releases it, so that only Down ends it. The
	// node stores this option: one Up with Keep is enough.
	Keep bool
}

// Cluster is a running Kubernetes. Its methods may be called from several goroutines.
type Cluster struct {
	name       string
	kubeconfig string
	registry   string    // "" for a node that this package started
	node       *node     // nil for an external cluster
	users      *lockFile // a shared lock; nil if this process does not count as a user
	log        *progress

	mu     sync.Mutex
	images map[string]string // name -> reference
}

// Up returns a cluster that is ready for pods. It reuses a healthy node of that name, and replaces
// an unhealthy one. It never starts a node twice, even if several processes call it at the same
// time. Starting a node takes about ten seconds if the programs are built; the first build takes
// minutes. The caller ends its use with Release, or ends the node with Down.
//
// If the start fails, Up removes the node that it began to start. The error names the program that
// failed, with the last lines of its log.
func Up(ctx context.Context, o Options) (*Cluster, error) {
	return connect(ctx, o, true)
}

// Attach returns a node that already runs, or an error if the node does not run or is not healthy.
// The caller does not count as a user: the node may end at any time, and Release does nothing.
func Attach(ctx context.Context, o Options) (*Cluster, error) {
	return connect(ctx, o, false)
}

// connect returns the external cluster, or the node of that name. For a user it starts the node if
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

// use counts this process as a user of the node. Call it after the start: the start may remove the
// files of an earlier run, the lock file included.
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

// Down ends the cluster of that name and removes everything that belongs to it, in any state and
// even if it is in use. It returns nil if there is nothing to remove. It does not touch an external
// cluster.
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

// Down ends the cluster for all its users and removes everything that belongs to it. A second call
// does nothing.
func (c *Cluster) Down(ctx context.Context) error {
	if c.node == nil {
		return nil
	}
	return Down(ctx, Options{Name: c.name, Log: c.log.w})
}

// Release ends this caller's use. The last user's Release removes the node, unless Options.Keep was
// set.
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

// Name returns the cluster's name. For an external cluster it is the context in the kubeconfig.
func (c *Cluster) Name() string { return c.name }

// External tells whether the cluster is the one that KUBECONFIG names. Tests that need access to
// the node check this.
func (c *Cluster) External() bool { return c.node == nil }

// Kubeconfig returns the path of the administrator's kubeconfig. If this package started the node,
// the server address is only reachable from the node's network namespace: see Command, RESTConfig
// and Dial.
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
