package cluster

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Dialer opens connections from within another network namespace. A socket always belongs to the
// namespace that its thread was in when it was made; so the thread needs to be there only for that
// moment, and the connection is then an ordinary one, which any goroutine may use.
type Dialer struct {
	// Netns is the namespace's file, such as /proc/PID/ns/net.
	Netns string
}

// DialContext is net.Dialer's DialContext, from within the namespace. It needs CAP_SYS_ADMIN.
func (d Dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	onThrowawayThread(func() {
		conn, err := d.dialHere(ctx, network, addr)
		done <- result{conn, err}
	})
	r := <-done
	return r.conn, r.err
}

// onThrowawayThread runs do in a new goroutine on a thread that ends with it, so that nothing else
// ever runs on a thread that do has put into another namespace.
func onThrowawayThread(do func()) {
	go func() {
		runtime.LockOSThread() // and never unlocked: the runtime then ends the thread with the goroutine ...
		if unix.Gettid() != unix.Getpid() {
			do()
			return
		}
		// ... but it cannot end the process's first thread. While this goroutine occupies that,
		// another one cannot get it.
		defer runtime.UnlockOSThread()
		done := make(chan struct{})
		onThrowawayThread(func() {
			defer close(done)
			do()
		})
		<-done
	}()
}

// dialHere moves the current thread and dials from it.
func (d Dialer) dialHere(ctx context.Context, network, addr string) (net.Conn, error) {
	ns, err := os.Open(d.Netns)
	if err != nil {
		return nil, fmt.Errorf("network namespace of the node: %w", err)
	}
	defer ns.Close()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("enter %s: %w", d.Netns, err)
	}
	// Without the fallback, which would open sockets in other goroutines, on threads of this
	// namespace.
	plain := net.Dialer{FallbackDelay: -1}
	return plain.DialContext(ctx, network, addr)
}

// Dial connects to a pod, a Service or the node by IP address, from the node's network namespace.
// For an external cluster it dials from here, which reaches only what that cluster exposes.
func (c *Cluster) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if c.node == nil {
		var d net.Dialer
		return d.DialContext(ctx, network, addr)
	}
	return Dialer{Netns: c.node.netns()}.DialContext(ctx, network, addr)
}
