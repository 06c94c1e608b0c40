package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

const (
	// polls is the number of polls that are forced one after the other, instead of waiting for the
	// polling interval.
	polls = 100
	// idle is how long an idle sidecar is measured.
	idle = 20 * time.Second
	// starts is how often a start is repeated. The figure is the median.
	starts = 7
	// readyIn limits a start.
	readyIn = 30 * time.Second
)

// sidecar measures the sidecar against the emulated Azure.
func (b *bench) sidecar(ctx context.Context) error {
	program, err := b.build(ctx, "sidecar")
	if err != nil {
		return err
	}
	info, err := os.Stat(program)
	if err != nil {
		return err
	}
	b.add("sidecar: binary", "at most 13 MB", info.Size() <= 13e6, "%s", megabytes(info.Size()))
	b.progress("filling a vault with %d certificates", certificates)
	w, err := newAzureSandbox(ctx, b.temp)
	if err != nil {
		return err
	}
	defer w.shutDown()
	for _, d := range []time.Duration{0, 20 * time.Millisecond, 100 * time.Millisecond} {
		if err := b.initialSync(ctx, w, program, d); err != nil {
			return err
		}
	}
	for _, n := range []int{1, 10, 100} {
		if err := b.steady(ctx, w, program, n); err != nil {
			return err
		}
	}
	return nil
}

// initialSync measures the time from the start of the process until it is ready with ten
// certificates, with each response delayed by d.
func (b *bench) initialSync(ctx context.Context, w *azureSandbox, program string, d time.Duration) error {
	if err := w.delay(ctx, d); err != nil {
		return err
	}
	var took, busy []time.Duration
	for i := range starts {
		s, err := w.start(ctx, program, fmt.Sprintf("sync-%d-%d", d.Milliseconds(), i), 10)
		if err != nil {
			return err
		}
		cpu, err := s.cpu()
		s.stop()
		if err != nil {
			return err
		}
		took, busy = append(took, s.ready), append(busy, cpu)
	}
	median, most := medianOf(took), 3*d+60*time.Millisecond
	b.add(fmt.Sprintf("sidecar: start to ready, 10 certificates, each answer delayed by %d ms", d.Milliseconds()),
		fmt.Sprintf("at most %d ms", most.Milliseconds()), median <= most,
		"%s (median of %d, worst %s; CPU %s)", millis(median), starts, millis(slices.Max(took)), millis(medianOf(busy)))
	return w.delay(ctx, 0)
}

// steady measures a sidecar with n certificates: during polls that find nothing new, between polls
// and, if n is all certificates of the vault, during a poll that renews all of them.
func (b *bench) steady(ctx context.Context, w *azureSandbox, program string, n int) error {
	b.progress("polling %d certificates %d times", n, polls)
	s, err := w.start(ctx, program, fmt.Sprintf("steady-%d", n), n)
	if err != nil {
		return err
	}
	defer s.stop()
	before, written, err := s.state(ctx, w)
	if err != nil {
		return err
	}
	for range polls {
		if _, err := s.sync(ctx); err != nil {
			return err
		}
	}
	after, rewritten, err := s.state(ctx, w)
	if err != nil {
		return err
	}
	now, peak, err := s.memory()
	if err != nil {
		return err
	}
	b.memoryAfterPolls(n, now, peak)
	if n == 10 {
		b.perPoll(n, before, after, written == rewritten)
		return b.betweenPolls(ctx, s)
	}
	if n == certificates {
		return b.renewal(ctx, w, s)
	}
	return nil
}

func (b *bench) memoryAfterPolls(n int, now, peak int64) {
	what := fmt.Sprintf("sidecar: RSS after %d polls, %d certificates", polls, n)
	text := fmt.Sprintf("%s (peak %s)", megabytes(now), megabytes(peak))
	if n == 10 {
		b.add(what, "at most 16 MB", now <= 16e6, "%s", text)
	} else {
		b.note(what, "%s", text)
	}
}

func (b *bench) perPoll(n int, before, after requestCounts, untouched bool) {
	gets, tokens, other := after.gets-before.gets, after.tokens-before.tokens, after.other-before.other
	b.add("sidecar: GETs per certificate and poll", "1", gets == n*polls, "%.2f", float64(gets)/float64(n*polls))
	b.add(fmt.Sprintf("sidecar: token calls, other calls in %d polls", polls), "0, 0", tokens == 0 && other == 0, "%d, %d", tokens, other)
	writes := "none"
	if !untouched {
		writes = "the store was changed"
	}
	b.add(fmt.Sprintf("sidecar: writes in %d polls", polls), "none", untouched, "%s", writes)
}

// betweenPolls measures the idle process.
func (b *bench) betweenPolls(ctx context.Context, s *sidecar) error {
	before, err := s.cpu()
	if err != nil {
		return err
	}
	if err := pause(ctx, idle); err != nil {
		return err
	}
	after, err := s.cpu()
	if err != nil {
		return err
	}
	b.note("sidecar: CPU between polls, 10 certificates", "%s per minute", millis((after-before)*(time.Minute/idle)))
	return nil
}

func (b *bench) renewal(ctx context.Context, w *azureSandbox, s *sidecar) error {
	if err := w.renewAll(ctx); err != nil {
		return err
	}
	took, err := s.sync(ctx)
	if err != nil {
		return err
	}
	b.note(fmt.Sprintf("sidecar: poll that fetches, checks and swaps %d renewed certificates", certificates), "%s", millis(took))
	return nil
}

// sidecar is a running sidecar.
type sidecar struct {
	*process
	store  string        // directory in the sandbox
	ready  time.Duration // time from the start until ready
	client *http.Client
}

// start starts the sidecar in the sandbox with an empty store, and waits until it is ready.
func (w *azureSandbox) start(ctx context.Context, program, store string, n int) (*sidecar, error) {
	socket := w.stores + ".socket"
	s := &sidecar{store: filepath.Join(w.stores, store), client: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}}
	cmd := exec.CommandContext(ctx, program, "--socket", socket)
	cmd.Env = []string{
		"CERTSYNC_SETTINGS=" + settings(s.store, n), "CERTSYNC_EXTRA_CA=" + string(w.CACertPEM()),
		// The image contains only the CA file, and no directory with one file per CA.
		"SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt", "SSL_CERT_DIR=" + w.stores,
		"AZURE_CLIENT_ID=" + clientID, "AZURE_TENANT_ID=" + tenantID, "AZURE_FEDERATED_TOKEN_FILE=" + w.token,
	}
	begin := time.Now()
	var err error
	if s.process, err = launch(cmd, w.sandbox.Start); err != nil {
		return nil, err
	}
	for time.Since(begin) < readyIn && ctx.Err() == nil {
		if err = s.call(ctx, http.MethodGet, "/readyz?wait="+readyIn.String()); err == nil {
			s.ready = time.Since(begin)
			return s, nil
		}
		if ended := s.ended(); ended != nil {
			return nil, ended
		}
		time.Sleep(time.Millisecond) // until the socket exists
	}
	s.stop()
	return nil, fmt.Errorf("the sidecar is not ready: %w: %s", err, &s.log)
}

// sync forces a poll and returns how long it took.
func (s *sidecar) sync(ctx context.Context) (time.Duration, error) {
	begin := time.Now()
	err := s.call(ctx, http.MethodPost, "/sync")
	return time.Since(begin), err
}

// call sends a request to the running process over its socket.
func (s *sidecar) call(ctx context.Context, method, path string) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://certsync"+path, nil)
	if err != nil {
		return err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, body)
	}
	return err
}

// state is the number of requests that Azure has received, and the generation of the store with its
// time.
func (s *sidecar) state(ctx context.Context, w *azureSandbox) (requestCounts, string, error) {
	a, err := w.requestCounts(ctx)
	if err != nil {
		return a, "", err
	}
	store := fmt.Sprintf("/proc/%d/root%s", s.cmd.Process.Pid, s.store)
	generation, err := os.Readlink(filepath.Join(store, "..data"))
	if err != nil {
		return a, "", err
	}
	top, err := os.Stat(store)
	if err != nil {
		return a, "", err
	}
	inside, err := os.Stat(filepath.Join(store, generation))
	if err != nil {
		return a, "", err
	}
	return a, fmt.Sprint(generation, top.ModTime(), inside.ModTime()), nil
}
