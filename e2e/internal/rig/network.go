package rig

import (
	"context"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// InNetwork runs f on a thread in the network namespace of the process with this ID. Sockets that f
// opens itself stay there.
func InNetwork(pid int, f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the runtime ends the thread
		if unix.Gettid() == os.Getpid() {
			// The first thread cannot be ended. While this goroutine holds it, another one gets
			// another thread.
			defer runtime.UnlockOSThread()
			result <- InNetwork(pid, f)
			return
		}
		result <- enterAnd(pid, f)
	}()
	return <-result
}

func enterAnd(pid int, f func() error) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return os.NewSyscallError("pidfd_open", err)
	}
	defer unix.Close(fd)
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		return os.NewSyscallError("setns", err)
	}
	return f()
}

// DialIn dials from the network namespace of a process, from a source address unless it is nil.
func DialIn(ctx context.Context, pid int, source net.Addr, address string) (conn net.Conn, err error) {
	err = InNetwork(pid, func() error {
		conn, err = DialHere(ctx, source, address)
		return err
	})
	return conn, err
}

// DialHere dials from the calling thread's network namespace.
func DialHere(ctx context.Context, source net.Addr, address string) (net.Conn, error) {
	// Without the fallback, which would open sockets on threads of another namespace.
	return (&net.Dialer{FallbackDelay: -1, LocalAddr: source}).DialContext(ctx, "tcp", address)
}
