package health

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// PathSync is the path that starts a poll, by POST.
const PathSync = "/sync"

// maxWait is the longest time that a probe over the socket can wait.
const maxWait = time.Minute

// ResponseTimeout is the longest time that a response of the handlers takes.
const ResponseTimeout = maxWait + 5*time.Second

// Handler serves the state. PathLive and PathReady return 200 or 503 with one line that gives the
// reason, PathStatus returns the JSON of StatusJSON, and PathMetrics returns the metrics in
// Prometheus' text format. POST to PathSync calls syncNow and waits for the poll that it starts. It
// returns 200 or 503 with the outcome, or 202 if the poll takes longer than a minute. Callers that
// are not at 127.0.0.1 or ::1, or use another name for it, get 403.
func (s *State) Handler(syncNow func() <-chan struct{}) http.Handler {
	mux := s.routes()
	mux.HandleFunc("GET "+contract.PathReady, func(w http.ResponseWriter, _ *http.Request) {
		respond(w)(s.Ready())
	})
	mux.HandleFunc("POST "+PathSync, func(w http.ResponseWriter, r *http.Request) {
		if !fromThisPod(r) {
			http.Error(w, "only for local callers: send the request to 127.0.0.1, without a proxy", http.StatusForbidden)
			return
		}
		s.sync(w, r, syncNow)
	})
	return mux
}

// SocketHandler serves the same over the unix socket, which only processes of this container can
// open. With the query wait=<duration>, PathReady responds as soon as the state is ready, or after
// that time if it is not.
func (s *State) SocketHandler(syncNow func() <-chan struct{}) http.Handler {
	mux := s.routes()
	mux.HandleFunc("GET "+contract.PathReady, func(w http.ResponseWriter, r *http.Request) {
		wait, err := time.ParseDuration(r.FormValue("wait"))
		if err != nil {
			wait = 0
		}
		ctx, cancel := context.WithTimeout(r.Context(), min(wait, maxWait))
		defer cancel()
		respond(w)(s.WaitReady(ctx))
	})
	mux.HandleFunc("POST "+PathSync, func(w http.ResponseWriter, r *http.Request) { s.sync(w, r, syncNow) })
	return mux
}

func (s *State) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+contract.PathLive, func(w http.ResponseWriter, _ *http.Request) {
		live, sinceHeartbeat := s.Live()
		respond(w)(live, fmt.Sprintf("last sync loop heartbeat: %s ago", sinceHeartbeat.Round(time.Second)))
	})
	mux.HandleFunc("GET "+contract.PathStatus, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(s.StatusJSON()) // the caller may be gone
	})
	mux.Handle("GET "+contract.PathMetrics, s.metrics)
	return mux
}

func respond(w http.ResponseWriter) func(ok bool, text string) {
	return func(ok bool, text string) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if !ok {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprintln(w, text)
	}
}

func (s *State) sync(w http.ResponseWriter, r *http.Request, syncNow func() <-chan struct{}) {
	select {
	case <-syncNow():
		respond(w)(s.Healthy())
	case <-r.Context().Done():
	case <-time.After(maxWait):
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprintln(w, "still syncing")
	}
}

// fromThisPod reports whether a process of this pod sent the request itself. A service mesh
// forwards requests of others from another loopback address (Istio: 127.0.0.6), and a browser that
// resolves a foreign name to loopback sends that name (DNS rebinding).
func fromThisPod(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && isLocalhost(peer.Addr().Unmap().String()) && isLocalhost(hostOf(r))
}

func isLocalhost(host string) bool {
	return host == "127.0.0.1" || host == "::1" || host == "localhost"
}

// hostOf returns the request's host without the port.
func hostOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	return strings.Trim(host, "[]")
}
