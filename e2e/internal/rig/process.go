package rig

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a program that is measured.
type Process struct {
	name string
	cmd  *exec.Cmd
	log  tail // its standard error
	done chan struct{}
}

// Launch starts a command by the given function. The name is for messages. The command ends with
// ctx, and with this process. Its Stderr gets what the log gets, if it is set.
func Launch(name string, cmd *exec.Cmd, start func(*exec.Cmd) error) (*Process, error) {
	more := cmd.Stderr
	p := &Process{name: name, cmd: cmd, done: make(chan struct{})}
	cmd.Stderr = io.Writer(&p.log)
	if more != nil {
		cmd.Stderr = io.MultiWriter(&p.log, more)
	}
	started := make(chan error)
	go func() {
		// The kernel ties a child to the thread that started it: this one must last as long as the
		// child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := start(cmd)
		started <- err
		if err == nil {
			_ = cmd.Wait() // it ends on the signal
			close(p.done)
		}
	}()
	return p, <-started
}

// PID is the process's ID.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Log returns the end of what the process wrote to its standard error so far.
func (p *Process) Log() string { return p.log.String() }

// Signal sends a signal to the process.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Kill ends the process as the kernel does when memory is short, and waits for it.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// StartTied starts a command so that the kernel kills it with this process.
func StartTied(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd.Start()
}

// Stop ends the process and waits for it.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// Ended is nil while the process runs, and then says what it said last.
func (p *Process) Ended() error {
	select {
	case <-p.done:
		text := strings.TrimSpace(p.log.String())
		return fmt.Errorf("the %s ended (%s): %s", p.name, p.cmd.ProcessState, text[max(0, len(text)-500):])
	default:
		return nil
	}
}

// Memory returns the bytes that the process has in memory, and had at most since its start or
// ResetPeak, shared pages of its program file included.
func (p *Process) Memory() (now, peak int64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(status)) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[0] != "VmRSS:" && fields[0] != "VmHWM:" {
			continue
		}
		kib, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return 0, 0, err
		}
		if fields[0] == "VmRSS:" {
			now = kib << 10
		} else {
			peak = kib << 10
		}
	}
	return now, peak, nil
}

// ResetPeak makes Memory's peak begin again.
func (p *Process) ResetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.PID()), []byte("5"), 0) // proc(5)
}

// CPU is the time that the process's threads have spent on a CPU.
func (p *Process) CPU() (time.Duration, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		first, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", file, err)
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}

// OwnCPU is the same of this process.
func OwnCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // it fails for bad arguments only
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Output runs a command in a folder and returns what it printed, without the space around.
func Output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s%s", strings.Join(cmd.Args, " "), err, out, &stderr)
	}
	return string(bytes.TrimSpace(out)), nil
}

// Build builds a program of the repository as its Dockerfile does, and returns its path.
func Build(ctx context.Context, repo, dir, name string) (string, error) {
	program := filepath.Join(dir, name)
	_, err := Output(ctx, repo, "env", "CGO_ENABLED=0",
		"go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./"+name)
	return program, err
}
