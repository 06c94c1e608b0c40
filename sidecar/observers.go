package main

import (
	"log/slog"
	"sync"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/atomicfile"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/health"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/reload"
)

// observer is the certsync.Observer of the program. A report updates the state and the status file,
// then its renewals are announced, and memory is released.
type observer struct {
	*health.State
	announcer *reload.Announcer
	memory    memoryReleaser
	log       *slog.Logger

	mu         sync.Mutex
	statusFile string // empty: none
}

// Report implements certsync.Observer.
func (o *observer) Report(r certsync.Report) {
	o.State.Report(r)
	o.writeStatus()
	o.announcer.Report(r)
	o.memory.release(r)
}

// Announced records an attempt to announce a renewal.
func (o *observer) Announced(attempt int, err error) {
	o.State.Announced(attempt, err)
	o.writeStatus()
}

func (o *observer) writeStatus() {
	if o.statusFile == "" {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := atomicfile.WriteFile(o.statusFile, o.StatusJSON(), 0o644); err != nil {
		o.log.Error("status file cannot be written", "error", err)
	}
}
