package control

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/health"
)

// Handler serves the state on the socket: what health.SocketHandler serves, and the contract.Status
// at contract.PathDetails. The version is that of the process.
func Handler(version string, s *health.State, syncNow func() <-chan struct{}) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", s.SocketHandler(syncNow))
	mux.HandleFunc("GET "+contract.PathDetails, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(statusOf(version, s.Snapshot())) // the caller may be gone
	})
	return mux
}

func statusOf(version string, r certsync.Report) contract.Status {
	s := contract.Status{
		SidecarVersion: version, Time: r.Time.UTC().Truncate(time.Second), State: string(r.State), Ready: r.Ready, Reason: r.Reason,
		Certificates: make([]contract.CertificateStatus, len(r.Certificates)),
	}
	for i, c := range r.Certificates {
		s.Certificates[i] = certificateStatus(c)
	}
	return s
}

func certificateStatus(c certsync.Status) contract.CertificateStatus {
	s := contract.CertificateStatus{
		URL: c.Certificate.URL, Path: filepath.Join(c.Certificate.Store, c.Certificate.LinkName),
		State: string(health.StateOf(c)), LastSuccess: optional(c.LastSuccess), Failure: failureOf(c), Warnings: c.Warnings,
	}
	if in := c.Installed; in.Version != "" {
		s.Version, s.NotBefore, s.NotAfter = in.Version, optional(in.Leaf.NotBefore), optional(in.Leaf.NotAfter)
	}
	if c.Waiting != nil {
		s.WaitingVersion = c.Waiting.Version
	}
	return s
}

// optional returns nil for the zero time.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}
