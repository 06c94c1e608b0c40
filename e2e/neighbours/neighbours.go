// Package neighbours gives a test two pods' networks on one bridge, as a node has them: for what a
// pod can do to its neighbour.
//
// It guarantees that no address of the machine is touched and that nothing stays behind, also after
// a crash: the three network namespaces have no name, belong to threads of the test process, and
// end with them.
//
// It needs Linux, root and iproute2.
package neighbours

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Interface is the name of each pod's network interface.
const Interface = "eth0"

// T is the part of *testing.T that is used here, so that a program can take its place.
type T interface {
	Helper()
	Cleanup(f func())
	Context() context.Context
	// Fatal and Fatalf do not return.
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// Pod is the network namespace of a pod.
type Pod struct {
	namespace
	Address netip.Addr
	MAC     net.HardwareAddr
}

// New returns two pods on one bridge, each with its own kernel settings. They end with the test.
func New(t T) (first, second *Pod) {
	t.Helper()
	node := newNamespace(t)
	node.Run(t, "ip", "link", "add", "br0", "type", "bridge")
	node.Run(t, "ip", "link", "set", "br0", "up")
	first, second = newPod(t, node, "10.77.0.1"), newPod(t, node, "10.77.0.2")
	second.await(t, first)
	return first, second
}

// await waits until packets arrive at a neighbour, which takes a moment after an interface is up.
// The kernel repeats what is lost.
func (p *Pod) await(t T, neighbour *Pod) {
	t.Helper()
	p.Do(t, func() error {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", netip.AddrPortFrom(neighbour.Address, 1).String())
		switch {
		case err == nil:
			conn.Close()
		case !errors.Is(err, syscall.ECONNREFUSED):
			return err
		}
		return nil
	})
}

func newPod(t T, node namespace, address string) *Pod {
	t.Helper()
	p := &Pod{namespace: newNamespace(t), Address: netip.MustParseAddr(address)}
	port := "veth" + address[strings.LastIndexByte(address, '.')+1:]
	p.Run(t, "ip", "link", "set", "lo", "up")
	p.Run(t, "ip", "link", "add", Interface, "type", "veth", "peer", "name", port, "netns", node.path)
	p.Run(t, "ip", "address", "add", address+"/24", "dev", Interface)
	p.Run(t, "ip", "link", "set", Interface, "up")
	node.Run(t, "ip", "link", "set", port, "master", "br0", "up")
	p.Do(t, func() error {
		i, err := net.InterfaceByName(Interface)
		if err == nil {
			p.MAC = i.HardwareAddr
		}
		return err
	})
	return p
}

// namespace is a thread in a network namespace.
type namespace struct {
	work chan func()
	path string // of the namespace, while the thread lives
}

// newNamespace starts a thread in a new network namespace. It ends with the test.
func newNamespace(t T) namespace {
	t.Helper()
	n := namespace{work: make(chan func())}
	started := make(chan error)
	go n.live(started, &n.path)
	if err := <-started; err != nil {
		t.Fatalf("a new network namespace: %v", err)
	}
	t.Cleanup(func() { close(n.work) })
	return n
}

// live runs what it receives on a thread that is never unlocked, so that the runtime ends it and
// with it the namespace. The process's main thread, which the runtime cannot end, is passed on.
func (n namespace) live(started chan<- error, path *string) {
	runtime.LockOSThread()
	if unix.Gettid() == os.Getpid() {
		passed := make(chan struct{})
		go func() {
			close(passed)
			n.live(started, path)
		}()
		<-passed
		runtime.UnlockOSThread()
		return
	}
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		started <- err
		return
	}
	*path = fmt.Sprintf("/proc/%d/task/%d/ns/net", os.Getpid(), unix.Gettid())
	close(started)
	for f := range n.work {
		f()
	}
}

// Do runs f in the namespace. Sockets that it opens stay there.
func (n namespace) Do(t T, f func() error) {
	t.Helper()
	result := make(chan error)
	n.work <- func() { result <- f() }
	if err := <-result; err != nil {
		t.Fatal(err)
	}
}

// Go runs f in the namespace, beside what Do runs. f must return when the test ends.
func (n namespace) Go(t T, f func()) {
	t.Helper()
	entered := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends here
		file, err := os.Open(n.path)
		if err == nil {
			err = unix.Setns(int(file.Fd()), unix.CLONE_NEWNET)
			file.Close()
		}
		entered <- err
		if err == nil {
			f()
		}
	}()
	if err := <-entered; err != nil {
		t.Fatal(err)
	}
}

// Run runs a command in the namespace and returns its output.
func (n namespace) Run(t T, name string, args ...string) string {
	t.Helper()
	var out []byte
	n.Do(t, func() (err error) {
		cmd := exec.Command(name, args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if out, err = cmd.CombinedOutput(); err != nil {
			err = fmt.Errorf("%s: %w: %s", cmd, err, out)
		}
		return err
	})
	return string(out)
}
