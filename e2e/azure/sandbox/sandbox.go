// Package sandbox runs programs in a separate network with only loopback and a hosts file. So a
// program under test reaches an emulator on port 443 under the production host names, without a
// special option.
//
// It guarantees that nothing outside of the sandbox changes, and that nothing is left when the
// process ends for any reason: the network and mount namespaces belong to one thread and end with
// it, and the kernel kills the commands with that thread. The sandbox cannot reach another network,
// and edits no file of the machine: a bind mount covers /etc/hosts only in the sandbox.
//
// It needs Linux and root (CAP_SYS_ADMIN and CAP_NET_ADMIN).
//
// If something else starts the commands, such as testscript, the whole test binary enters the
// sandbox:
//
//	func TestMain(m *testing.M) {
//		sandbox.Enter(azure.Hosts("127.0.0.1", "example.vault.azure.net"))
//		testscript.Main(m, ...)
//	}
package sandbox

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// marker is the first line of the hosts file in a sandbox.
const marker = "# hosts of a test sandbox"

// Sandbox is a pair of namespaces. Its methods are safe for concurrent use.
type Sandbox struct {
	work  chan func()
	done  chan struct{}
	close sync.Once
}

// ErrClosed is returned after Close.
var ErrClosed = errors.New("the sandbox is closed")

// New creates a sandbox in which localhost and the names in hosts resolve to the given addresses,
// and no other name resolves.
func New(hosts map[string]string) (*Sandbox, error) {
	s := &Sandbox{work: make(chan func()), done: make(chan struct{})}
	ready := make(chan error)
	go s.runThread(hosts, ready)
	if err := <-ready; err != nil {
		return nil, fmt.Errorf("sandbox (needs root): %w", err)
	}
	return s, nil
}

// runThread runs the sandbox on a dedicated thread. The thread is never unlocked: when runCalls
// returns, the runtime ends the thread, and the namespaces end with it. It does not use the
// process's main thread, because the runtime cannot end that one.
func (s *Sandbox) runThread(hosts map[string]string, ready chan<- error) {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		s.runCalls(hosts, ready)
		return
	}
	locked := make(chan struct{})
	go func() {
		runtime.LockOSThread() // runs on another thread while this one is locked
		close(locked)
		s.runCalls(hosts, ready)
	}()
	<-locked
	runtime.UnlockOSThread()
}

// runCalls runs the functions that do sends on the calling thread, until the sandbox is closed.
func (s *Sandbox) runCalls(hosts map[string]string, ready chan<- error) {
	if err := setUp(hosts); err != nil {
		ready <- err
		return
	}
	close(ready)
	for {
		select {
		case f := <-s.work:
			f()
		case <-s.done:
			return
		}
	}
}

// do runs f on the sandbox's thread.
func (s *Sandbox) do(f func() error) error {
	result := make(chan error, 1)
	select {
	case s.work <- func() { result <- f() }:
		return <-result
	case <-s.done:
		return ErrClosed
	}
}

// Listen opens a listener inside the sandbox, e.g. on "127.0.0.1:443". The caller
// closes it.
func (s *Sandbox) Listen(network, address string) (l net.Listener, err error) {
	err = s.do(func() error {
		l, err = net.Listen(network, address)
		return err
	})
	return l, err
}

// Start starts a command inside the sandbox, as cmd.Start does. The command is killed when the
// sandbox is closed or the process ends.
func (s *Sandbox) Start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	// The kernel sends the signal when the thread that started the command ends: the sandbox's
	// thread.
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	return s.do(cmd.Start)
}

// Run starts a command inside the sandbox and waits for it, as cmd.Run does.
func (s *Sandbox) Run(cmd *exec.Cmd) error {
	if err := s.Start(cmd); err != nil {
		return err
	}
	return cmd.Wait()
}

// Close ends the sandbox and kills the commands that were started in it. It may be called several
// times.
func (s *Sandbox) Close() { s.close.Do(func() { close(s.done) }) }

// Inside tells whether this process runs in a sandbox.
func Inside() bool {
	data, err := os.ReadFile("/etc/hosts")
	return err == nil && strings.HasPrefix(string(data), marker)
}

// Enter runs this program again inside a sandbox, with the same arguments, and exits with its exit
// code. Inside of a sandbox it only returns. Call it first in TestMain. On failure it prints the
// reason and exits with code 1. With "go test -short", which needs no root, it skips all tests of
// the package.
func Enter(hosts map[string]string) {
	if Inside() {
		return
	}
	if slices.Contains(os.Args, "-test.short=true") {
		fmt.Println("--- SKIP: all tests of the package: need root, for a network with the real host names")
		os.Exit(0)
	}
	code, err := rerun(hosts)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func rerun(hosts map[string]string) (int, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	s, err := New(hosts)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = s.Run(cmd)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil // -1: ended by a signal
	}
	return 0, err
}

// setUp moves the calling thread into new namespaces and configures them.
func setUp(hosts map[string]string) error {
	if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("new namespaces: %w", err)
	}
	if err := loopbackUp(); err != nil {
		return fmt.Errorf("loopback interface: %w", err)
	}
	// Without this, the bind mount would be visible outside of the sandbox.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	return mountHosts(hosts)
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}

// mountHosts mounts a hosts file over /etc/hosts. It then removes the file: the mount keeps its
// content.
func mountHosts(hosts map[string]string) error {
	file, err := os.CreateTemp("", "sandbox-hosts-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	_, err = file.WriteString(hostsFile(hosts))
	if err := errors.Join(err, file.Chmod(0o644), file.Close()); err != nil {
		return err
	}
	if err := unix.Mount(file.Name(), "/etc/hosts", "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("hosts file: %w", err)
	}
	return nil
}

func hostsFile(hosts map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n127.0.0.1 localhost\n", marker)
	for _, name := range slices.Sorted(maps.Keys(hosts)) {
		fmt.Fprintf(&b, "%s %s\n", hosts[name], name)
	}
	return b.String()
}
