package reload

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// process is a process in /proc.
type process struct {
	pid  int
	comm string
	// start is the start time in clock ticks. Together with the process ID, it identifies a process
	// even if the ID is reused.
	start string
}

// processes returns the running processes, except this one and others of the same program, such as
// a probe.
func processes() ([]process, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	self, err := os.Stat("/proc/self/exe")
	if err != nil {
		return nil, err
	}
	var list []process
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == os.Getpid() {
			continue
		}
		if p, ok := readProcess(pid); ok && !runs(pid, self) {
			list = append(list, p)
		}
	}
	return list, nil
}

// kernelThread is PF_KTHREAD of Linux's include/linux/sched.h.
const kernelThread = 0x00200000

// readProcess returns false for processes that have ended and for kernel threads.
//
// Source: proc_pid_stat(5): pid (comm) state ppid ..., where flags is the 9th and starttime the
// 22nd
func readProcess(pid int) (process, bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, false
	}
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')') // comm may contain both
	if open < 0 || end < open {
		return process{}, false
	}
	fields := strings.Fields(string(stat[end+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return process{}, false
	}
	if flags, err := strconv.ParseUint(fields[6], 10, 64); err != nil || flags&kernelThread != 0 {
		return process{}, false
	}
	return process{pid: pid, comm: string(stat[open+1 : end]), start: fields[19]}, true
}

// runs reports whether a process runs a program. The kernel does not show this for another user's
// process, which is never one of this program.
func runs(pid int, program os.FileInfo) bool {
	exe, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid))
	return err == nil && os.SameFile(exe, program)
}

// signal sends a signal to exactly this process. It opens a handle first, and then reads the
// process again, so that another process with a reused ID never gets the signal. The error is
// os.ErrProcessDone if the process has ended.
func (p process) signal(s syscall.Signal) error {
	handle, err := os.FindProcess(p.pid)
	if err != nil {
		return err
	}
	defer func() { _ = handle.Release() }()
	if again, ok := readProcess(p.pid); !ok || again != p {
		return os.ErrProcessDone
	}
	return handle.Signal(s)
}
