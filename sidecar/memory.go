package main

import (
	"os"
	"runtime/debug"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
)

// Many of these processes run on a node. Each works for a second and then sleeps for an hour, so
// two things count: the memory that it keeps while it sleeps, and the time of the first sync, which
// the pod waits for. Measured with ten certificates: 17 MB with the defaults of the Go runtime, 14
// MB with these values, of which 9 MB are pages of the program file that all pods of a node share.
// With laterGC from the beginning, the first sync would take 1.5 times the CPU time.
const (
	firstSyncGC = 200
	laterGC     = 50
)

// setGCPercent sets the garbage collector's target, unless the variable GOGC sets it.
func setGCPercent(percent int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// memoryReleaser returns memory to the operating system after each sync, or at once if there are no
// certificates. That takes some milliseconds. The garbage collector alone would keep the memory for
// minutes, or forever if nothing happens.
type memoryReleaser struct {
	// closeIdle closes idle connections; nil if the next poll comes soon enough to use them.
	closeIdle func()
}

// closeIdleAbove is the polling interval above which idle connections are closed after a poll: they
// would time out before the next one.
const closeIdleAbove = time.Minute

func (m memoryReleaser) release(r certsync.Report) {
	if !r.Synced && len(r.Certificates) > 0 {
		return
	}
	if m.closeIdle != nil && r.State != certsync.Transitioning {
		m.closeIdle()
	}
	setGCPercent(laterGC)
	debug.FreeOSMemory()
}

// memoryLimitRatio is the part of the container's memory limit that the Go runtime may use. The
// rest is for what the runtime does not count, above all the kernel's memory for connections and
// files.
const memoryLimitRatio = 0.9

// setMemoryLimit lets the garbage collector work harder near the memory limit of the process's
// cgroup, from which the kernel would kill the process. The variable GOMEMLIMIT wins. Without a
// cgroup, or without a limit, nothing changes: then an error does not matter.
func setMemoryLimit(limit memlimit.Provider) {
	_, _ = memlimit.Set(memlimit.WithProvider(limit), memlimit.WithRatio(memoryLimitRatio))
}
