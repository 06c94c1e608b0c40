package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
)

const (
	herdPods = 10_000
	// herdIdeal is how long 100,000 certificates take at 4,000 in 10 s.
	herdIdeal = 250.0
	// herdPlot is the diagram of the documentation. The simulation has a seed, so it only changes
	// if the sidecar's loop does.
	herdPlot = "docs/herd.svg"
)

// herdBin counts the requests of ten seconds.
type herdBin struct{ Served, Throttled, Failed int }

func (b herdBin) requests() int { return b.Served + b.Throttled + b.Failed }

// herdResult is what TestHerd of sidecar/internal/certsync writes, where its fields are explained.
type herdResult struct {
	Pods, Certificates, Limit, Late, Stale             int
	Interval, OutageAt, OutageEnd                      float64
	HalfReady, AllReady, StartRequests                 float64
	FirstPeak, SteadyPeak, OutagePeak, RecoveryPeak    int
	FirstThrottled, SteadyThrottled, SteadyMean        float64
	SteadyStale, Fresh, OutageStale, RecoveryThrottled float64
	Bins                                               []herdBin
}

// herd simulates 10,000 pods with 10 certificates each: all start at once without any certificate,
// poll, lose the vault for ten minutes, and recover. It draws the requests into the documentation.
func (b *bench) herd(ctx context.Context) error {
	b.progress("simulating 10,000 pods at two intervals (some minutes)")
	results, err := b.simulate(ctx)
	if err != nil {
		return err
	}
	for i := range results {
		b.herdFigures(&results[i])
	}
	plot, err := plotHerd(results)
	if err != nil {
		return err
	}
	b.progress("writing %s", herdPlot)
	return os.WriteFile(filepath.Join(b.repo, herdPlot), plot, 0o644)
}

// simulate runs the simulation. A result that the test does not accept is a result too.
func (b *bench) simulate(ctx context.Context) (results []herdResult, err error) {
	file := filepath.Join(b.temp, "herd.json")
	_, err = rig.Output(ctx, b.repo, "env", "GOGC=400", "go", "test", "-count=1", "-timeout", "30m", "-run", "^TestHerd$",
		"./sidecar/internal/certsync", fmt.Sprintf("-herd.pods=%d", herdPods), "-herd.out="+file)
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	text, missing := os.ReadFile(file)
	if missing != nil {
		return nil, errors.Join(err, missing)
	}
	return results, json.Unmarshal(text, &results)
}

func (b *bench) herdFigures(r *herdResult) {
	interval := seconds(r.Interval)
	what := fmt.Sprintf("%d pods x %d certificates, 4,000 GETs/10 s, every %s (simulated): ", r.Pods, r.Certificates, interval)
	most := 1.2 * herdIdeal
	b.add(what+"all start at once: all ready", fmt.Sprintf("at most %.0f s", most), r.Late == 0 && r.AllReady <= most,
		"%.0f s (limit alone %.0f s), half after %.0f s, %d never", r.AllReady, herdIdeal, r.HalfReady, r.Late)
	b.note("  requests for each certificate until then", "%.1f", r.StartRequests)
	b.note("  first interval after it: peak in 10 s, throttled", "%d, %.2f %%", r.FirstPeak, 100*r.FirstThrottled)
	b.add("  then steady: requests in 10 s", fmt.Sprintf("about %.0f", float64(r.Pods*r.Certificates)*10/r.Interval),
		r.SteadyThrottled < 0.02, "mean %.0f, peak %d, %.2f %% throttled", r.SteadyMean, r.SteadyPeak, 100*r.SteadyThrottled)
	b.note("  longest time between two successful polls", "%s", seconds(r.SteadyStale))
	b.note("  vault fails for 10 minutes: peak in 10 s", "%d", r.OutagePeak)
	b.add("  after it, until all are fresh", "at most 12 minutes", r.Stale == 0 && r.Fresh <= 12*60,
		"%s, %d never", seconds(r.Fresh), r.Stale)
	b.add("  meanwhile: peak in 10 s", fmt.Sprintf("at most the limit, %d, or a steady peak", r.Limit), r.RecoveryPeak <= max(r.Limit, r.SteadyPeak),
		"%d, %.2f %% throttled", r.RecoveryPeak, 100*r.RecoveryThrottled)
	b.note("  longest time without a successful poll", "%s", seconds(r.OutageStale))
}

func seconds(s float64) time.Duration { return (time.Duration(s) * time.Second).Round(time.Second) }
