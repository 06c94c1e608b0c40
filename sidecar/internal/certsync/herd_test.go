package certsync_test

import (
	"cmp"
	"context"
	"flag"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
)

// herdPods is how many pods TestThunderingHerd starts. The vault's limit scales with it, so the
// result is about the same for any number; "make bench" uses 10000.
var herdPods = flag.Int("herd.pods", 50, "pods of TestThunderingHerd")

const (
	// herdCertificates is how many certificates each pod has.
	herdCertificates = 10
	// window and share are the vault's limit: 4,000 GETs in 10 s for 10,000 pods.
	//
	// Source: https://learn.microsoft.com/azure/key-vault/general/service-limits
	window = 10 * time.Second
	share  = 0.4
	// answerTime is how long a response takes, throttled or not.
	answerTime = 20 * time.Millisecond
	// ideal is the time that the limit makes necessary: herdCertificates / share windows.
	ideal = 250 * time.Second
)

// All pods that use a vault restart at once with empty stores. The vault refuses the requests above
// its limit, without a Retry-After. The pods must use nearly the whole limit, and share it.
func TestThunderingHerd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limited := &limitedVault{left: int(float64(*herdPods) * share)}
		limited.full = limited.left
		begin := time.Now()
		ctx, end := context.WithCancel(t.Context())
		var running sync.WaitGroup
		pods := make([]*herdPod, *herdPods)
		for i := range pods {
			pods[i] = &herdPod{}
			loop := certsync.New(settingsFor(names(herdCertificates)...), limited, newDisk(), pods[i], slog.New(slog.DiscardHandler))
			running.Go(func() { loop.Run(ctx) })
		}
		time.Sleep(ideal * 12 / 10)
		end()
		running.Wait()

		late := 0
		for _, p := range pods {
			if p.readyAt.IsZero() {
				late++
			}
		}
		slices.SortFunc(pods, func(a, b *herdPod) int { return cmp.Compare(a.after(begin), b.after(begin)) })
		median, last := pods[len(pods)/2].after(begin), pods[len(pods)-1].after(begin)
		t.Attr("late", strconv.Itoa(late))
		t.Attr("median", median.String())
		t.Attr("last", last.String())
		t.Attr("requests", strconv.Itoa(limited.requests))
		if late > 0 {
			t.Errorf("%d of %d pods are not ready after %s; the limit alone takes %s", late, len(pods), ideal*12/10, ideal)
		}
	})
}

// herdPod is the Observer of one pod.
type herdPod struct{ readyAt time.Time }

func (p *herdPod) Beat() {}

func (p *herdPod) Report(r certsync.Report) {
	if r.Ready && p.readyAt.IsZero() {
		p.readyAt = time.Now()
	}
}

// after returns how long the pod waited. A pod that is not ready counts as the slowest.
func (p *herdPod) after(begin time.Time) time.Duration {
	if p.readyAt.IsZero() {
		return time.Hour
	}
	return p.readyAt.Sub(begin)
}

// limitedVault is a Source that throttles as Key Vault does: it admits a number of requests in each
// window. A window begins with the first request after the previous window.
type limitedVault struct {
	mu         sync.Mutex
	full, left int
	until      time.Time
	requests   int
}

func (v *limitedVault) Fetch(ctx context.Context, _ contract.Certificate, _ string) (certsync.Fetched[string], error) {
	admitted := v.admit()
	select {
	case <-time.After(answerTime):
	case <-ctx.Done():
		return certsync.Fetched[string]{}, ctx.Err()
	}
	if !admitted {
		return certsync.Fetched[string]{}, throttledError{}
	}
	content := "content"
	return certsync.Fetched[string]{Version: "v1", Content: &content, Leaf: certsync.Leaf{Fingerprint: "f"}}, nil
}

func (v *limitedVault) admit() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.requests++
	if t := time.Now(); !t.Before(v.until) {
		v.until, v.left = t.Add(window), v.full
	}
	v.left--
	return v.left >= 0
}
