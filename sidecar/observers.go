package main

import (
	"log/slog"
	"os"
	"sync"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/health"
)

// statusFile is a certsync.Observer that writes the status where --status-file says, as the extension does.
type statusFile struct {
	*health.State
	path string // empty: nowhere
	log  *slog.Logger
	mu   sync.Mutex
}

// Report implements certsync.Observer.
func (s *statusFile) Report(r certsync.Report) {
	s.State.Report(r)
	s.write()
}

// Reloaded notes an attempt to announce a renewal.
func (s *statusFile) Reloaded(attempt int, err error) {
	s.State.Reloaded(attempt, err)
	s.write()
}

// write replaces the file by a rename: a reader never sees half of it.
func (s *statusFile) write() {
	if s.path == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := os.WriteFile(s.path+".new", s.StatusJSON(), 0o644)
	if err == nil {
		err = os.Rename(s.path+".new", s.path)
	}
	if err != nil {
		s.log.Error("status file cannot be written", "error", err)
	}
}
