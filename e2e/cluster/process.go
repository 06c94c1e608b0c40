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

// initArgv0 is the name by which the first process of a node is found, also by a later run that
// knows nothing of it.
const initArgv0 = "certsync-node"

// pollInterval is how often the state of processes, sockets and servers is looked at where nothing
// announces it.
const pollInterval = 100 * time.Millisecond

// processes returns the IDs of the machine's processes for which match holds. Those that end
// meanwhile are left out.
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

// nodeProcesses returns the first processes of nodes of that name: one, or none. A zombie has no
// command line, so it is not among them.
func nodeProcesses(name string) ([]int, error) {
	want := []byte(initArgv0 + "\x00" + name + "\x00")
	return processes(func(dir string) bool {
		cmdline, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		return err == nil && bytes.HasPrefix(cmdline, want)
	})
}

// running returns the processes of a program within the PID namespace of process init.
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

// runs tells whether a command line is a program's, or that of "setsid --fork PROGRAM" (see
// launch), which is about to become it.
func runs(cmdline []byte, program string) bool {
	argv := strings.Split(string(cmdline), "\x00")
	if len(argv) > 2 && argv[0] == "setsid" {
		argv = argv[2:]
	}
	return argv[0] == program
}

func pidNamespace(dir string) string { return filepath.Join(dir, "ns/pid") }

// kill ends a process at once and waits until it is gone. The kernel first ends all others of a PID
// namespace whose first process it is.
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
		// Readable once the process has ended.
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
