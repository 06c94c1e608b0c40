// Package systemd reports the state of the sync loop to systemd, for a unit of Type=notify.
//
// It guarantees that systemd considers the service started when the loop is ready and not before,
// that "systemctl status" shows the loop's reason, and that systemd's watchdog follows the loop's
// heartbeat: nothing else feeds it, so systemd restarts a service whose loop hangs.
//
// It never fails and never does anything if systemd did not start the process.
package systemd

import (
	"log/slog"
	"strings"
	"sync"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
)

// Service is the service that this process is. It is a certsync.Observer, and safe for concurrent
// use. The zero value is not usable; use New.
type Service struct {
	log *slog.Logger

	mu     sync.Mutex
	ready  bool
	reason string
}

// New returns the service of this process. A failure to reach systemd is logged.
func New(log *slog.Logger) *Service { return &Service{log: log} }

// Beat implements certsync.Observer: it feeds the watchdog. WatchdogSec= of the unit must be longer
// than the time between two heartbeats.
func (s *Service) Beat() { s.notify(daemon.SdNotifyWatchdog) }

// Report implements certsync.Observer: it updates the status and, the first time that the loop is
// ready, tells systemd to start what waits for this service.
func (s *Service) Report(r certsync.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var messages []string
	if r.Ready && !s.ready {
		s.ready = true
		messages = append(messages, daemon.SdNotifyReady)
	}
	if r.Reason != s.reason {
		s.reason = r.Reason
		messages = append(messages, "STATUS="+strings.ReplaceAll(r.Reason, "\n", "; "))
	}
	if len(messages) > 0 {
		s.notify(strings.Join(messages, "\n"))
	}
}

func (s *Service) notify(message string) {
	if _, err := daemon.SdNotify(false, message); err != nil {
		s.log.Warn("systemd is not notified", "error", err)
	}
}
