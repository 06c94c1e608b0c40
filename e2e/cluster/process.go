package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// initArgv0 is the process name by which later runs find the first process of a node.
const initArgv0 = "certsync-node"

// pollInterval is the pause between checks of processes, sockets and servers that do not announce
// their state.
const pollInterval = 100 * time.Millisecond

// processes returns the IDs of the machine's processes for which match is true. It skips processes
// that end meanwhile.
func processes(match func(dir string) bool) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var found []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && match(filepath.Join("/proc", e.Name())) {
			found = append(found, pid)
		}
	}
	return found, nil
}

// nodeProcesses returns the first process of the node of that name, or an empty list. It does not
// find zombies, because they have no command line.
func nodeProcesses(name string) ([]int, error) {
	want := []byte(initArgv0 + "\x00" + name + "\x00")
	return processes(func(dir string) bool {
		cmdline, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		return err == nil && bytes.HasPrefix(cmdline, want)
	})
}

// running returns the processes of a program in the PID namespace of process init.
func running(init int, program string) ([]int, error) {
	namespace, err := os.Readlink(pidNamespace(fmt.Sprint("/proc/", init)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return processes(func(dir string) bool {
		cmdline, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil || !runs(cmdline, program) {
			return false
		}
		its, err := os.Readlink(pidNamespace(dir))
		return err == nil && its == namespace
	})
}

// runs tells whether a command line is that of a program, or of "setsid --fork PROGRAM" (see
// launch), which is about to become the program.
func runs(cmdline []byte, program string) bool {
	argv := strings.Split(string(cmdline), "\x00")
	if len(argv) > 2 && argv[0] == "setsid" {
		argv = argv[2:]
	}
	return argv[0] == program
}

func pidNamespace(dir string) string { return filepath.Join(dir, "ns/pid") }

// kill ends a process with SIGKILL and waits until it is gone. If it is the first process of a PID
// namespace, the kernel first ends all other processes of that namespace.
func kill(ctx context.Context, pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("process %d: %w", pid, err)
	}
	defer unix.Close(fd)
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("end process %d: %w", pid, err)
	}
	for {
		// The descriptor becomes readable when the process ends.
		ended, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(pollInterval.Milliseconds()))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for process %d: %w", pid, err)
		}
		if ended > 0 {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("wait for process %d to end: %w", pid, ctx.Err())
		}
	}
}
