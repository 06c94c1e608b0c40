package health_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/health"
)

var update = flag.Bool("update", false, "write the golden files")

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// report returns a report with one certificate in each state.
func report() certsync.Report {
	cert := func(name string) contract.Certificate {
		return contract.Certificate{
			URL: "https://example.vault.azure.net/secrets/" + name, VaultName: "example", Name: name,
			Store: "/certs", LinkName: "example." + name,
		}
	}
	installed := func(notAfter time.Time) certsync.Installed {
		return certsync.Installed{Version: "1234", Leaf: certsync.Leaf{NotBefore: noon.AddDate(-1, 0, 0), NotAfter: notAfter}}
	}
	return certsync.Report{
		Time: noon, State: certsync.Error, Ready: true, Reason: "4 certificates in the store, 1 not up to date", Synced: true, Changed: 1,
		Certificates: []certsync.Status{
			{Certificate: cert("good"), Installed: installed(noon.AddDate(1000, 0, 0)), LastSuccess: noon},
			{Certificate: cert("expired"), Installed: installed(noon.AddDate(-1, 1, 0)), LastSuccess: noon, Warnings: []string{"no ACLs here"}},
			{
				Certificate: cert("waiting"), Installed: installed(noon.AddDate(1000, 0, 0)), LastSuccess: noon,
				Waiting: &certsync.Installed{Version: "5678", Leaf: certsync.Leaf{NotBefore: noon.AddDate(0, 0, 2)}},
			},
			{Certificate: cert("failing"), Installed: installed(noon.AddDate(1000, 0, 0)), Err: errors.New(`not "found"`), ErrTime: noon},
			{Certificate: cert("missing")},
			{Certificate: cert("early"), Installed: certsync.Installed{Version: "1234", Leaf: certsync.Leaf{
				NotBefore: noon.AddDate(900, 0, 0), NotAfter: noon.AddDate(1000, 0, 0)}}, LastSuccess: noon},
			{Certificate: cert("good"), Installed: installed(noon.AddDate(500, 0, 0)), LastSuccess: noon}, // another version
		},
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		check(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	check(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// send sends a request from the address from and returns the response.
func send(h http.Handler, method, path, from string) (status int, body string) {
	r := httptest.NewRequest(method, path, nil)
	r.RemoteAddr = from
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

const kubelet, loopback, loopback6 = "10.0.0.1:40000", "127.0.0.1:40000", "[::1]:40000"

func synced() <-chan struct{} {
	done := make(chan struct{})
	close(done)
	return done
}

func TestStatus(t *testing.T) {
	s := health.New(health.NewMetrics())
	s.Report(report())
	_, body := send(s.Handler(synced), "GET", contract.PathStatus, kubelet)
	if !json.Valid([]byte(body)) {
		t.Error("the status is not valid JSON")
	}
	golden(t, "testdata/status.golden", body)
}

// Probes return the reason, whether the state is ready or not.
func TestProbes(t *testing.T) {
	s := health.New(health.NewMetrics())
	h := s.Handler(synced)
	for _, step := range []struct {
		report certsync.Report
		status int
		body   string
	}{
		{certsync.Report{Reason: "waiting for a"}, 503, "waiting for a\n"},
		{certsync.Report{Ready: true, Reason: "all installed"}, 200, "all installed\n"},
	} {
		s.Report(step.report)
		if status, body := send(h, "GET", contract.PathReady, kubelet); status != step.status || body != step.body {
			t.Errorf("/readyz: %d %q, want %d %q", status, body, step.status, step.body)
		}
	}
	s.Notice("settings.json was refused")
	if status, body := send(h, "GET", contract.PathReady, kubelet); status != 200 || body != "settings.json was refused; all installed\n" {
		t.Errorf("with a notice: %d %q", status, body)
	}
}

// Only callers in the pod can start a poll, and only by POST.
func TestSync(t *testing.T) {
	s := health.New(health.NewMetrics())
	calls := 0
	h := s.Handler(func() <-chan struct{} { calls++; return synced() })
	for _, c := range []struct {
		method, from string
		state        certsync.State
		status       int
	}{
		{"POST", loopback, certsync.Success, 200},
		{"POST", loopback6, certsync.Success, 200},
		{"POST", "[::ffff:127.0.0.1]:1", certsync.Error, 503},
		{"POST", kubelet, certsync.Success, 403},
		{"GET", loopback, certsync.Success, 405},
	} {
		s.Report(certsync.Report{State: c.state})
		if status, _ := send(h, c.method, health.PathSync, c.from); status != c.status {
			t.Errorf("%s from %s: %d, want %d", c.method, c.from, status, c.status)
		}
	}
	if calls != 3 {
		t.Errorf("%d polls started, want 3", calls)
	}
}

// A failed announcement of a renewal is shown in the status until an attempt succeeds. It never
// affects readiness.
func TestAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // at midnight, 2000-01-01
		s := health.New(health.NewMetrics())
		s.Report(certsync.Report{State: certsync.Success, Ready: true, Reason: "all installed"})
		h := s.Handler(synced)
		for _, step := range []struct {
			err  error
			want string
		}{
			{errors.Join(errors.New("no process"), errors.New("no response")), `[{"name":"reload","status":"error","code":1,"formattedMessage":` +
				`{"lang":"en","message":"last renewal not announced yet, attempt 7 failed 2000-01-01T00:00:00Z: no process; no response"}}]`},
			{nil, `[{"name":"reload","status":"success","code":0,"formattedMessage":{"lang":"en","message":"last renewal announced 2000-01-01T00:00:00Z"}}]`},
		} {
			s.Announced(7, step.err)
			var status []struct {
				Status struct{ Substatus json.RawMessage }
			}
			_, body := send(h, "GET", contract.PathStatus, kubelet)
			check(t, json.Unmarshal([]byte(body), &status))
			var compact bytes.Buffer
			check(t, json.Compact(&compact, status[0].Status.Substatus))
			if diff := cmp.Diff(step.want, compact.String()); diff != "" {
				t.Errorf("substatus (-want +got):\n%s", diff)
			}
			if code, body := send(h, "GET", contract.PathReady, kubelet); code != 200 || body != "all installed\n" {
				t.Errorf("/readyz: %d %q", code, body)
			}
		}
		_, metrics := send(h, "GET", contract.PathMetrics, kubelet)
		for _, line := range []string{`certsync_reloads_total{result="error"} 1`, `certsync_reloads_total{result="success"} 1`} {
			if !strings.Contains(metrics, line+"\n") {
				t.Errorf("the metrics do not contain %s", line)
			}
		}
	})
}

// A probe that waits returns as soon as the state is ready, and otherwise, after its wait, with the
// reason.
func TestProbeWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := health.New(health.NewMetrics())
		h := s.SocketHandler(synced)
		began := time.Now()
		s.Report(certsync.Report{Reason: "not yet"})
		if status, body := send(h, "GET", contract.PathReady+"?wait=9s", ""); status != 503 || body != "not yet\n" || time.Since(began) != 9*time.Second {
			t.Errorf("after %s: %d %q", time.Since(began), status, body)
		}
		began = time.Now()
		time.AfterFunc(2*time.Second, func() { s.Report(certsync.Report{Ready: true, Reason: "done"}) })
		if status, body := send(h, "GET", contract.PathReady+"?wait=9s", ""); status != 200 || body != "done\n" || time.Since(began) != 2*time.Second {
			t.Errorf("after %s: %d %q", time.Since(began), status, body)
		}
		if status, _ := send(h, "GET", contract.PathReady+"?wait=invalid", ""); status != 200 {
			t.Errorf("with an invalid wait: %d", status)
		}
	})
}

// Liveness fails, and Stalled returns, after five minutes without a heartbeat.
func TestLiveness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := health.New(health.NewMetrics())
		h := s.Handler(synced)
		stalled := make(chan bool, 1)
		go func() { stalled <- s.Stalled(t.Context()) }()
		for range 10 {
			time.Sleep(4 * time.Minute)
			s.Beat()
		}
		time.Sleep(4*time.Minute + 59*time.Second)
		if status, body := send(h, "GET", contract.PathLive, kubelet); status != 200 || len(stalled) > 0 {
			t.Errorf("after 4:59: %d %q", status, body)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if status, body := send(h, "GET", contract.PathLive, kubelet); status != 503 || len(stalled) != 1 || !<-stalled {
			t.Errorf("after 5 minutes: %d %q", status, body)
		}
	})
}

func TestStalledReturnsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if health.New(health.NewMetrics()).Stalled(ctx) {
		t.Error("Stalled returned true for a loop that is not stalled")
	}
}

// The server ends with its context, without an error.
func TestServe(t *testing.T) {
	server := httptest.NewUnstartedServer(nil) // only its listener is used
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	s := health.New(health.NewMetrics())
	go func() { done <- health.Serve(ctx, server.Listener, s.Handler(synced)) }()
	resp, err := http.Get("http://" + server.Listener.Addr().String() + contract.PathLive)
	check(t, err)
	_, err = io.Copy(io.Discard, resp.Body)
	check(t, errors.Join(err, resp.Body.Close()))
	http.DefaultClient.CloseIdleConnections()
	cancel()
	check(t, <-done)
}
