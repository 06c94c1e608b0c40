package main

import (
	"log/slog"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/health"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/reload"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/statusfile"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/systemd"
)

// observer is the certsync.Observer of the program. A report updates the state and the status file,
// then its renewals are announced, and memory is released.
type observer struct {
	*health.State
	announcer *reload.Announcer
	memory    memoryReleaser
	systemd   *systemd.Service
	status    *statusfile.Files
	log       *slog.Logger
}

// Beat implements certsync.Observer.
func (o *observer) Beat() {
	o.State.Beat()
	o.systemd.Beat()
}

// Report implements certsync.Observer.
func (o *observer) Report(r certsync.Report) {
	o.State.Report(r)
	o.systemd.Report(r)
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
	if err := o.status.Write(o.StatusJSON); err != nil {
		o.log.Error("status file cannot be written", "error", err)
	}
}
