package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
)

// Many of these processes run on a node. Each works for a second and then sleeps for an hour, so
// two things count: the memory that it keeps while it sleeps, and the time of the first sync, which
// the pod waits for. docs/performance.md has the measurements.
const (
	// gcPercent is the garbage collector's target, instead of 100. The first sync needs 15 % more
	// CPU time for it than with 200.
	gcPercent = 50
	// One thread at a time runs Go code. Each further one allocates from its own spans, in which
	// the few objects that live on are scattered. Where the container has no CPU limit, the runtime
	// would use as many as the node has CPUs.
	threads = 1
	// settleTime is the time from a sync until memory is released: the connections that it closes
	// are gone, and the app has the CPU first.
	settleTime = time.Second
)

// tuneRuntime sets the values above, unless the variables GOGC and GOMAXPROCS set them.
func tuneRuntime() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(threads)
	}
}

// memoryReleaser returns memory to the operating system after each sync, or at once if there are no
// certificates. That takes some milliseconds. The garbage collector alone would keep the memory for
// minutes, or forever if nothing happens.
type memoryReleaser struct {
	// closeIdle closes idle connections; nil if the next poll comes soon enough to use them.
	closeIdle func()
	timer     *time.Timer
}

// closeIdleAbove is the polling interval above which idle connections are closed after a poll: they
// would time out before the next one.
const closeIdleAbove = time.Minute

func (m *memoryReleaser) release(r certsync.Report) {
	if !r.Synced && len(r.Certificates) > 0 {
		return
	}
	if m.closeIdle != nil && r.State != certsync.Transitioning {
		m.closeIdle()
	}
	if m.timer != nil {
		m.timer.Stop()
	}
	m.timer = time.AfterFunc(settleTime, debug.FreeOSMemory)
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
