package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

const (
	// polls are forced one after the other, so that nothing waits for the real interval.
	polls = 100
	// released is how long after a poll the sidecar has returned the memory of it.
	released = 2 * time.Second
	// idle is how long a sidecar is watched that has nothing to do.
	idle = 20 * time.Second
	// starts is how often a start is repeated; the median counts.
	starts = 7
	// certificates is how many the vault has.
	certificates = 100
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
	w, err := rig.NewAzure(ctx, b.temp, certificates)
	if err != nil {
		return err
	}
	defer w.End()
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
// certificates, each answer delayed by d.
func (b *bench) initialSync(ctx context.Context, w *rig.Azure, program string, d time.Duration) error {
	if err := w.Delay(ctx, d); err != nil {
		return err
	}
	var took, busy []time.Duration
	for i := range starts {
		s, err := start(ctx, w, program, fmt.Sprintf("sync-%d-%d", d.Milliseconds(), i), 10)
		if err != nil {
			return err
		}
		cpu, err := s.CPU()
		s.Stop()
		if err != nil {
			return err
		}
		took, busy = append(took, s.Ready), append(busy, cpu)
	}
	median, most := middle(took), 3*d+60*time.Millisecond
	b.add(fmt.Sprintf("sidecar: start to ready, 10 certificates, each answer delayed by %d ms", d.Milliseconds()),
		fmt.Sprintf("at most %d ms", most.Milliseconds()), median <= most,
		"%s (median of %d, worst %s; CPU %s)", millis(median), starts, millis(slices.Max(took)), millis(middle(busy)))
	return w.Delay(ctx, 0)
}

// steady measures a sidecar with n certificates in polls that find nothing new, between polls, and,
// with all certificates of the vault, in one that renews them all.
func (b *bench) steady(ctx context.Context, w *rig.Azure, program string, n int) error {
	b.progress("polling %d certificates %d times", n, polls)
	s, err := start(ctx, w, program, fmt.Sprintf("steady-%d", n), n)
	if err != nil {
		return err
	}
	defer s.Stop()
	before, written, err := state(ctx, w, s)
	if err != nil {
		return err
	}
	for range polls {
		if _, err := poll(ctx, s); err != nil {
			return err
		}
	}
	after, rewritten, err := state(ctx, w, s)
	if err != nil {
		return err
	}
	if err := rig.Pause(ctx, released); err != nil {
		return err
	}
	now, peak, err := s.Memory()
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
		b.add(what, "at most 14 MB", now <= 14e6, "%s", text)
	} else {
		b.note(what, "%s", text)
	}
}

func (b *bench) perPoll(n int, before, after rig.Asked, untouched bool) {
	gets, tokens, other := after.Gets-before.Gets, after.Tokens-before.Tokens, after.Other-before.Other
	b.add("sidecar: GETs per certificate and poll", "1", gets == n*polls, "%.2f", float64(gets)/float64(n*polls))
	b.add(fmt.Sprintf("sidecar: token calls, other calls in %d polls", polls), "0, 0", tokens == 0 && other == 0, "%d, %d", tokens, other)
	writes := "none"
	if !untouched {
		writes = "the store was changed"
	}
	b.add(fmt.Sprintf("sidecar: writes in %d polls", polls), "none", untouched, "%s", writes)
}

// betweenPolls measures what the process does while it has nothing to do.
func (b *bench) betweenPolls(ctx context.Context, s *rig.Sidecar) error {
	before, err := s.CPU()
	if err != nil {
		return err
	}
	if err := rig.Pause(ctx, idle); err != nil {
		return err
	}
	after, err := s.CPU()
	if err != nil {
		return err
	}
	b.note("sidecar: CPU between polls, 10 certificates", "%s per minute", millis((after-before)*(time.Minute/idle)))
	return nil
}

func (b *bench) renewal(ctx context.Context, w *rig.Azure, s *rig.Sidecar) error {
	if err := w.RenewAll(ctx); err != nil {
		return err
	}
	took, err := poll(ctx, s)
	if err != nil {
		return err
	}
	b.note(fmt.Sprintf("sidecar: poll that fetches, checks and swaps %d renewed certificates", certificates), "%s", millis(took))
	return nil
}

// start starts a sidecar with a store that nothing is in yet.
func start(ctx context.Context, w *rig.Azure, program, store string, n int) (*rig.Sidecar, error) {
	return w.Start(ctx, rig.SidecarOptions{Program: program, Store: store, Certificates: n})
}

// syncIn bounds a poll.
const syncIn = time.Minute

// poll forces a poll and returns how long it took. It does that by a signal: POST /sync polls only
// once in ten seconds.
func poll(ctx context.Context, s *rig.Sidecar) (time.Duration, error) {
	before, err := syncs(ctx, s)
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	if err := s.Signal(syscall.SIGHUP); err != nil {
		return 0, err
	}
	for time.Since(begin) < syncIn && ctx.Err() == nil {
		if after, err := syncs(ctx, s); err != nil || after > before {
			return time.Since(begin), err
		}
		time.Sleep(5 * time.Millisecond)
	}
	return 0, errors.Join(ctx.Err(), fmt.Errorf("a poll has not ended after %s", syncIn))
}

var syncsTotal = regexp.MustCompile(`(?m)^certsync_syncs_total\{\S+ (\d+)$`)

// syncs returns how many polls have ended.
func syncs(ctx context.Context, s *rig.Sidecar) (sum int, err error) {
	text, err := s.Get(ctx, contract.PathMetrics)
	if err != nil {
		return 0, err
	}
	for _, m := range syncsTotal.FindAllStringSubmatch(text, -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// state is what Azure received requests for so far, and when which generation was published.
func state(ctx context.Context, w *rig.Azure, s *rig.Sidecar) (rig.Asked, string, error) {
	a, err := w.Asked(ctx)
	if err != nil {
		return a, "", err
	}
	store := fmt.Sprintf("/proc/%d/root%s", s.PID(), s.Store)
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
