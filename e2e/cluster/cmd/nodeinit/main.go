// Command nodeinit is the first process of a node's PID namespace. It is started in new PID, mount
// and network namespaces. It sets up the mounts that the node's programs expect and prints "ready".
// From then on it only reaps orphaned processes, until the node has no users. When it ends, for any
// reason, the kernel ends every process of the node, and removes the mounts and the network.
//
//	nodeinit NAME STATE-DIRECTORY
//
// It never starts a process. Outside of its namespaces it changes only the node's lock files.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"golang.org/x/sys/unix"
)

func main() {
	if err := run(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "nodeinit:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 || os.Getpid() != 1 {
		return errors.New("want NAME and STATE-DIRECTORY, as the first process of a PID namespace")
	}
	name, state := args[1], args[2]
	u, err := findUsers(name, state)
	if err != nil {
		return err
	}
	if err := setUp(state); err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, unix.SIGTERM, unix.SIGINT)
	unused := make(chan struct{})
	go reap()
	go func() {
		u.awaitUnused()
		close(unused)
	}()
	fmt.Println("ready")
	select {
	case <-stop:
	case <-unused:
		fmt.Fprintln(os.Stderr, "nodeinit: the node's last user is gone without having taken it away: ending")
	}
	return nil
}

// setUp creates the mounts. It redirects what programs write to fixed paths.
func setUp(state string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	const safe = unix.MS_NOSUID | unix.MS_NODEV
	if err := unix.Mount("proc", "/proc", "proc", safe|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", safe, "mode=755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	for _, dir := range []string{"/var/lib", "/var/log"} {
		if err := redirectWrites(dir, filepath.Join(state, "diverted", dir)); err != nil {
			return err
		}
	}
	// Traffic between pods, Services and the node is routed by the node.
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644); err != nil {
		return fmt.Errorf("forward packets: %w", err)
	}
	// The programs share mounts: containerd and the pods must see what the kubelet mounts.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("share mounts: %w", err)
	}
	return nil
}

// redirectWrites keeps the content of dir visible, but redirects writes to another directory.
func redirectWrites(dir, to string) error {
	upper, work := filepath.Join(to, "written"), filepath.Join(to, "work")
	for _, d := range []string{upper, work} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", dir, upper, work)
	if err := unix.Mount("overlay", dir, "overlay", 0, options); err != nil {
		return fmt.Errorf("redirect writes to %s: %w", dir, err)
	}
	return nil
}

// reap waits for orphans, which the kernel hands to this process. It never returns.
func reap() {
	child := make(chan os.Signal, 1)
	signal.Notify(child, unix.SIGCHLD)
	for {
		for {
			pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
			if pid <= 0 && !errors.Is(err, unix.EINTR) {
				break
			}
		}
		<-child
	}
}
