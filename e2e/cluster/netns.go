package cluster

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Dialer opens connections in another network namespace. A socket belongs to the namespace of the
// thread that created it. So the thread enters the namespace only to create the socket, and any
// goroutine can use the connection.
type Dialer struct {
	// Netns is the file of the namespace, such as /proc/PID/ns/net.
	Netns string
}

// DialContext works as net.Dialer's DialContext, but in the namespace. It needs CAP_SYS_ADMIN.
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

// onThrowawayThread runs do in a new goroutine, on a thread that ends with the goroutine. So no
// other goroutine runs on a thread that do has moved to another namespace.
func onThrowawayThread(do func()) {
	go func() {
		runtime.LockOSThread() // never unlocked: the runtime ends the thread with the goroutine ...
		if unix.Gettid() != unix.Getpid() {
			do()
			return
		}
		// ... but it cannot end the process's first thread. While this goroutine occupies the first
		// thread, a new goroutine runs on another one.
		defer runtime.UnlockOSThread()
		done := make(chan struct{})
		onThrowawayThread(func() {
			defer close(done)
			do()
		})
		<-done
	}()
}

// dialHere moves the current thread to the namespace and dials.
func (d Dialer) dialHere(ctx context.Context, network, addr string) (net.Conn, error) {
	ns, err := os.Open(d.Netns)
	if err != nil {
		return nil, fmt.Errorf("network namespace of the node: %w", err)
	}
	defer ns.Close()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("enter %s: %w", d.Netns, err)
	}
	// Disables the fallback (RFC 6555): it would create sockets in other goroutines, outside of the
	// namespace.
	plain := net.Dialer{FallbackDelay: -1}
	return plain.DialContext(ctx, network, addr)
}

// Dial connects to a pod, a Service or the node by IP address from the node's network namespace.
// For an external cluster it connects from this machine, and reaches only what the cluster exposes.
func (c *Cluster) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if c.node == nil {
		var d net.Dialer
		return d.DialContext(ctx, network, addr)
	}
	return Dialer{Netns: c.node.netns()}.DialContext(ctx, network, addr)
}
