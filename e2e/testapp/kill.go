package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// kill sends a signal to every process in the cgroup of a container, as the kernel's OOM killer
// does with SIGKILL. A process cannot kill the first process of its PID namespace, so kill runs in
// another pod with hostPID.
func kill(args []string) error {
	if len(args) != 2 || len(args[1]) < 12 {
		return errors.New("usage: testapp kill SIGNAL CONTAINER-ID (the whole ID, without containerd://)")
	}
	signal, container := unix.SignalNum("SIG"+args[0]), args[1]
	if signal == 0 {
		return fmt.Errorf("SIG%s is not a signal", args[0])
	}
	files, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		return err
	}
	sent := 0
	for _, file := range files {
		groups, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(groups, []byte(container)) {
			continue // it ended meanwhile, or belongs to another container
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			return err
		}
		if err := unix.Kill(pid, signal); err != nil {
			return fmt.Errorf("send SIG%s to process %d: %w", args[0], pid, err)
		}
		sent++
	}
	if sent == 0 {
		return fmt.Errorf("container %s has no process that this pod sees: is hostPID set?", container)
	}
	fmt.Printf("SIG%s was sent to %d process(es) of container %s\n", args[0], sent, container)
	return nil
}
