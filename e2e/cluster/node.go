package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// stateParent contains the state directories. It is on a disk, because they contain container
// images, and a reboot does not clear it.
const stateParent = "/var/tmp"

// destroyTimeout limits the clean-up after a failed or cancelled start, which continues although
// ctx has ended.
const destroyTimeout = time.Minute

// node is the only node of a cluster on this machine.
type node struct {
	name     string
	state    string // directory
	init     int    // first process of the PID namespace; 0 if the node does not run
	programs programs
	nodeinit string // path of the program
	repo     string
	log      *progress
}

// prepareNode builds and installs what a node needs. It starts nothing.
func prepareNode(ctx context.Context, name string, log *progress) (*node, error) {
	if err := ensurePackages(ctx, debianPackages, log); err != nil {
		return nil, err
	}
	repo, err := repositoryRoot(ctx)
	if err != nil {
		return nil, err
	}
	built, err := buildPrograms(ctx, repo, log, nodeProjects...)
	if err != nil {
		return nil, err
	}
	nodeinit, err := buildMainPackage(ctx, repo, "./e2e/cluster/cmd/nodeinit", log)
	if err != nil {
		return nil, err
	}
	return &node{name: name, state: stateDir(name), programs: built, nodeinit: nodeinit, repo: repo, log: log}, nil
}

func stateDir(name string) string { return filepath.Join(stateParent, name) }

func (n *node) path(elem ...string) string {
	return filepath.Join(append([]string{n.state}, elem...)...)
}

// netns returns the file of the node's network namespace.
func (n *node) netns() string { return fmt.Sprintf("/proc/%d/ns/net", n.init) }

// keep records that the node outlives its users.
func (n *node) keep() error { return n.write("keep", nil) }

func (n *node) kept() bool {
	_, err := os.Stat(n.path("keep"))
	return err == nil
}

// ensure uses the running node if it is healthy, and otherwise starts a new one.
func (n *node) ensure(ctx context.Context) error {
	if err := n.attach(ctx); err == nil {
		n.log.say("node %s already runs", n.name)
		return nil
	} else if !errors.Is(err, errNoNode) {
		n.log.say("node %s is not healthy and will be replaced: %v", n.name, err)
	}
	if err := destroy(ctx, n.name, n.log); err != nil {
		return fmt.Errorf("clean up after an earlier run: %w", err)
	}
	err := n.log.during("start node "+n.name, func() error { return n.start(ctx) })
	if err == nil {
		return nil
	}
	clearing, cancel := context.WithTimeout(context.WithoutCancel(ctx), destroyTimeout)
	defer cancel()
	return errors.Join(err, destroy(clearing, n.name, n.log))
}

var errNoNode = errors.New("no such node")

// attach finds the running node. It checks that all programs run, that they are the pinned ones,
// and that the node is ready. It returns errNoNode if the node does not run.
func (n *node) attach(ctx context.Context) error {
	found, err := nodeProcesses(n.name)
	if err != nil {
		return err
	}
	if len(found) != 1 {
		return errNoNode
	}
	n.init = found[0]
	for _, d := range n.daemons() {
		if err := n.checkRunning(d.program); err != nil {
			return err
		}
	}
	return n.awaitReady(ctx)
}

// startInit creates the state directory, the cgroup and the namespaces.
func (n *node) startInit(ctx context.Context) error {
	// Not MkdirAll: everyone can write to /var/tmp, so an existing directory is not trusted.
	for _, dir := range []struct {
		path string
		mode os.FileMode
	}{
		// Pods with user namespaces reach their root file systems through these directories as
		// non-root users.
		{n.state, 0o711}, {n.path("containerd"), 0o711},
		{n.path("log"), 0o755},
	} {
		if err := os.Mkdir(dir.path, dir.mode); err != nil {
			return err
		}
	}
	if err := createCgroups(n.name); err != nil {
		return err
	}
	log, err := n.openLog("nodeinit")
	if err != nil {
		return err
	}
	defer log.Close()
	// Independent of ctx: the node outlives the call.
	cmd := exec.Command(n.nodeinit)
	cmd.Args = []string{initArgv0, n.name, n.state}
	cmd.Dir, cmd.Env, cmd.Stderr = "/", []string{}, log
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET,
		Setsid:     true, // Ctrl-C must reach only the caller, who then ends the node
	}
	ready, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("create the node's namespaces: %w", err)
	}
	n.init = cmd.Process.Pid
	line, _ := bufio.NewReader(ready).ReadString('\n')
	go func() { _ = cmd.Wait() }() // avoids a zombie if the node ends before this process
	if line != "ready\n" {
		return n.logged("nodeinit", errors.New("set up the node's namespaces"))
	}
	return n.configureNetwork(ctx)
}

// configureNetwork assigns the node's address in the namespace. The address is on a bridge, because
// not every kernel has dummy devices. The default route makes Service addresses routable, and
// kube-proxy's rules translate them.
func (n *node) configureNetwork(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "nsenter", "--net="+n.netns(), "--", "ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join([]string{
		"link set lo up",
		"link add kube0 type bridge",
		"addr add " + nodeNetwork + " dev kube0",
		"link set kube0 up",
		"route replace default dev kube0",
	}, "\n"))
	_, err := output(cmd)
	return err
}

// destroy removes everything that belongs to the node of that name, in any state.
func destroy(ctx context.Context, name string, log *progress) error {
	found, err := nodeProcesses(name)
	if err != nil {
		return err
	}
	for _, pid := range found {
		log.say("end node %s (process %d and all below it)", name, pid)
		if err := kill(ctx, pid); err != nil {
			return err
		}
	}
	if err := removeCgroups(ctx, name); err != nil {
		return err
	}
	if err := os.RemoveAll(stateDir(name)); err != nil {
		return err
	}
	if err := os.Remove(lockFilePath(name, "users")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
