package main

import (
	"os"
	"runtime/debug"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
)

// The process is one of many on a node, works for a second and then sleeps for an hour: what counts is what
// it keeps while it sleeps, and that the first sync, which the pod waits for, is quick. Measured with ten
// certificates: 17 MB with the runtime's defaults, 14 MB with these, of which 9 MB are the program file's
// own pages, which all pods of a node share; and two thirds of the CPU that a first sync takes when the
// garbage collector begins early in it, too.
const (
	firstSyncGC = 200
	laterGC     = 50
)

// tuneMemory prepares the first sync.
func tuneMemory() { collectAt(firstSyncGC) }

// collectAt makes the garbage collector begin when so much, in percent, is added to what is in use, unless
// GOGC says when.
func collectAt(percent int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// frugal is a certsync.Observer that gives memory back to the system after each sync, or at once where there is nothing
// to sync, which takes some milliseconds; the garbage collector alone would keep it for minutes, or for good where nothing happens.
type frugal struct {
	certsync.Observer
	// hangUp closes idle connections; nil where the next poll comes soon enough to use them.
	hangUp func()
}

// hangUpAbove is the polling interval above which idle connections are closed after a poll: they would time
// out before the next one.
const hangUpAbove = time.Minute

// Report implements certsync.Observer.
func (f frugal) Report(r certsync.Report) {
	f.Observer.Report(r)
	if r.Synced || len(r.Certificates) == 0 {
		if f.hangUp != nil && r.State != certsync.Transitioning {
			f.hangUp()
		}
		collectAt(laterGC)
		debug.FreeOSMemory()
	}
}
