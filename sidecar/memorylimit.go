package main

import "github.com/KimMachineGun/automemlimit/memlimit"

// memoryLimitRatio is the part of the container's memory limit that the Go runtime may use. The rest
// is for what the runtime does not count, above all the kernel's memory for connections and files.
const memoryLimitRatio = 0.9

// setMemoryLimit lets the garbage collector work harder near the memory limit of the process's
// cgroup, from which the kernel would kill the process. The variable GOMEMLIMIT wins. Without a
// cgroup, or without a limit, nothing changes: then an error does not matter.
func setMemoryLimit(limit memlimit.Provider) {
	_, _ = memlimit.Set(memlimit.WithProvider(limit), memlimit.WithRatio(memoryLimitRatio))
}
