package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// kill sends SIGKILL to every process in the cgroup of a container, as the kernel's OOM killer
// does. A process cannot kill the first process of its PID namespace, so kill runs in another pod
// with hostPID.
func kill(args []string) error {
	if len(args) != 1 || len(args[0]) < 12 {
		return errors.New("usage: testapp kill CONTAINER-ID (the whole ID, without containerd://)")
	}
	files, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		return err
	}
	killed := 0
	for _, file := range files {
		groups, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(groups, []byte(args[0])) {
			continue // it ended meanwhile, or belongs to another container
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			return err
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			return fmt.Errorf("kill process %d: %w", pid, err)
		}
		killed++
	}
	if killed == 0 {
		return fmt.Errorf("container %s has no process that this pod sees: is hostPID set?", args[0])
	}
	fmt.Println("killed", killed, "process(es) of container", args[0])
	return nil
}
