package health

import "github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"

// Snapshot returns the last report of the loop. Its reason includes the notice.
func (s *State) Snapshot() certsync.Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.report
	r.Reason = s.reason()
	return r
}
