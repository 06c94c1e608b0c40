//go:build !linux

package listen

import "syscall"

// bindToLoopback does nothing: only Linux can bind a socket to an interface, and Windows accepts a
// packet for an address only on the interface that has it (the strong host model).
func bindToLoopback(_, _ string, _ syscall.RawConn) error { return nil }
