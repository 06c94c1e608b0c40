package listen

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// loopback is the name of the loopback interface, which the kernel creates in each network
// namespace.
const loopback = "lo"

func bindToLoopback(_, _ string, c syscall.RawConn) error {
	var bound error
	if err := c.Control(func(fd uintptr) { bound = unix.BindToDevice(int(fd), loopback) }); err != nil {
		return err
	}
	switch {
	case bound == nil, errors.Is(bound, unix.EPERM), errors.Is(bound, unix.ENOPROTOOPT):
		return nil // an older kernel, or a sandbox that does not have the option
	default:
		return fmt.Errorf("binding to the interface %s: %w", loopback, bound)
	}
}
