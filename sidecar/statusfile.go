package main

import (
	"log/slog"
	"os"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/health"
)

// statusFile is a certsync.Observer that writes the status where --status-file says, as the extension does.
type statusFile struct {
	*health.State
	path string
	log  *slog.Logger
}

// Report implements certsync.Observer. The file is replaced by a rename: a reader never sees half of it.
func (s statusFile) Report(r certsync.Report) {
	s.State.Report(r)
	if s.path == "" {
		return
	}
	err := os.WriteFile(s.path+".new", s.StatusJSON(), 0o644)
	if err == nil {
		err = os.Rename(s.path+".new", s.path)
	}
	if err != nil {
		s.log.Error("status file cannot be written", "error", err)
	}
}
