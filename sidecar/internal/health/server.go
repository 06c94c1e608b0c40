package health

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// PathSync asks for a poll, by POST.
const PathSync = "/sync"

// maxWait bounds what a probe over the socket may wait for.
const maxWait = time.Minute

// Handler serves the state: PathLive and PathReady answer 200 or 503 with one line that says why,
// PathStatus the JSON of StatusJSON, PathMetrics Prometheus' formats. POST to PathSync calls syncNow, waits
// for the poll that it starts, and answers 200 or 503 with its outcome, or 202 if that takes longer than a
// minute; it is refused to any caller that is not on loopback.
func (s *State) Handler(syncNow func() <-chan struct{}) http.Handler {
	mux := s.routes()
	mux.HandleFunc("GET "+contract.PathReady, func(w http.ResponseWriter, _ *http.Request) {
		answer(w)(s.Ready())
	})
	mux.HandleFunc("POST "+PathSync, func(w http.ResponseWriter, r *http.Request) {
		if !fromLoopback(r) {
			http.Error(w, "only for callers in this pod: use 127.0.0.1", http.StatusForbidden)
			return
		}
		s.sync(w, r, syncNow)
	})
	return mux
}

// SocketHandler serves the same to those who can open the unix socket: the container's own processes. A
// query wait=<duration> makes PathReady answer as soon as the state is ready, and after that time if not.
func (s *State) SocketHandler(syncNow func() <-chan struct{}) http.Handler {
	mux := s.routes()
	mux.HandleFunc("GET "+contract.PathReady, func(w http.ResponseWriter, r *http.Request) {
		wait, err := time.ParseDuration(r.FormValue("wait"))
		if err != nil {
			wait = 0
		}
		ctx, cancel := context.WithTimeout(r.Context(), min(wait, maxWait))
		defer cancel()
		answer(w)(s.WaitReady(ctx))
	})
	mux.HandleFunc("POST "+PathSync, func(w http.ResponseWriter, r *http.Request) { s.sync(w, r, syncNow) })
	return mux
}

func (s *State) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+contract.PathLive, func(w http.ResponseWriter, _ *http.Request) {
		live, silent := s.Live()
		answer(w)(live, fmt.Sprintf("the sync loop gave its last sign of life %s ago", silent.Round(time.Second)))
	})
	mux.HandleFunc("GET "+contract.PathStatus, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(s.StatusJSON()) // the caller may be gone
	})
	mux.Handle("GET "+contract.PathMetrics, s.metrics)
	return mux
}

func answer(w http.ResponseWriter) func(ok bool, text string) {
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
		answer(w)(s.Healthy())
	case <-r.Context().Done():
	case <-time.After(maxWait):
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprintln(w, "still syncing")
	}
}

func fromLoopback(r *http.Request) bool {
	address, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && address.Addr().Unmap().IsLoopback()
}

// Serve answers on l until ctx ends. Slow or idle callers are dropped: nobody can hold it up from the
// pod's network. The error is nil after ctx has ended.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       5 * time.Second,
		WriteTimeout:      maxWait + 5*time.Second,
		IdleTimeout:       30 * time.Second,
		MaxHeaderBytes:    8 << 10,
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	err := server.Serve(l)
	if ctx.Err() != nil {
		return nil
	}
	return err
}
