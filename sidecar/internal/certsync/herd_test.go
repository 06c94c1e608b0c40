package certsync_test

import (
	"context"
	"encoding/json"
	"flag"
	"log/slog"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
)

// "make bench" runs TestHerd with 10,000 pods and draws what it writes.
var (
	herdPods = flag.Int("herd.pods", 200, "pods of TestHerd; the limit of the vault scales with them")
	herdSeed = flag.Uint64("herd.seed", 1, "seed of the random numbers of TestHerd")
	herdOut  = flag.String("herd.out", "", "file for the results of TestHerd, as JSON")
)

const (
	// herdCertificates is how many certificates each pod has.
	herdCertificates = 10
	// window and share are the vault's limit: 4,000 GETs in 10 s for 10,000 pods.
	//
	// Source: https://learn.microsoft.com/azure/key-vault/general/service-limits
	window = 10 * time.Second
	share  = 0.4
	// answerTime is how long a response takes, also that of a vault that fails.
	answerTime = 20 * time.Millisecond
	// ideal is the time that the limit needs for all certificates: herdCertificates/share windows.
	ideal = 250 * time.Second
	// outage is how long the vault fails.
	outage = 10 * time.Minute
)

// herdPlan is what happens to a herd: all pods start at once with empty stores, the vault fails,
// and recovers.
type herdPlan struct {
	interval     time.Duration
	outageAt     time.Duration
	length       time.Duration
	mostFresh    time.Duration // longest time until all are fresh after the outage
	steadyShare  float64       // highest peak of steady polls, as a share of the limit
	mostRequests float64       // for each certificate, until all pods are ready
}

// With pods on one vault, at the usual interval and at the shortest of the VM extension, for which
// 10,000 pods need 83 % of the vault's limit:
//   - a start needs hardly more than the time that the limit makes necessary, and few requests;
//   - the polls that follow are spread, although all pods started together;
//   - after an outage all certificates are fresh soon, without a new peak.
func TestHerd(t *testing.T) {
	var results []herdResult
	for _, plan := range []herdPlan{
		{time.Hour, 3 * time.Hour, 4 * time.Hour, 12 * time.Minute, 0.5, 6},
		{5 * time.Minute, 30 * time.Minute, time.Hour, 6 * time.Minute, 2.5, 6},
	} {
		t.Run(plan.interval.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				result := plan.run(t)
				plan.check(t, &result)
				results = append(results, result)
			})
		})
	}
	if *herdOut == "" {
		return
	}
	text, err := json.Marshal(results)
	if err == nil {
		err = os.WriteFile(*herdOut, text, 0o644)
	}
	if err != nil {
		t.Error(err)
	}
}

// The same seed gives the same result, to the nanosecond.
func TestHerdIsRepeatable(t *testing.T) {
	var results [2]string
	for i := range results {
		synctest.Test(t, func(t *testing.T) {
			plan := herdPlan{interval: 5 * time.Minute, outageAt: 10 * time.Minute, length: 30 * time.Minute}
			text, err := json.Marshal(plan.run(t))
			if err != nil {
				t.Fatal(err)
			}
			results[i] = string(text)
		})
	}
	if results[0] != results[1] {
		t.Errorf("two runs differ:\n%s\n%s", results[0], results[1])
	}
}

// run simulates the herd.
func (p herdPlan) run(t *testing.T) herdResult {
	t.Helper()
	v := newHerdVault(*herdPods, p.outageAt, *herdSeed)
	ctx, end := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for i := range *herdPods {
		loop := certsync.New(p.settings(), &herdClient{v, i}, newDisk(), &herdPod{v, i}, slog.New(slog.DiscardHandler))
		loop.Seed(*herdSeed, uint64(i))
		running.Go(func() { loop.Run(ctx) })
	}
	time.Sleep(p.length)
	end()
	running.Wait()
	return v.result(p)
}

func (p herdPlan) settings() certsync.Settings {
	s := settingsFor(names(herdCertificates)...)
	s.Interval = p.interval
	return s
}

func (p herdPlan) check(t *testing.T, r *herdResult) {
	t.Helper()
	if r.Late > 0 || r.AllReady > 1.2*ideal.Seconds() || r.HalfReady > 0.7*ideal.Seconds() {
		t.Errorf("half of the pods are ready after %.0f s, all after %.0f s, %d never; the limit alone takes %s",
			r.HalfReady, r.AllReady, r.Late, ideal)
	}
	if r.StartRequests > p.mostRequests {
		t.Errorf("%.1f requests for each certificate until all pods are ready, want at most %.1f", r.StartRequests, p.mostRequests)
	}
	if most := p.steadyShare * float64(r.Limit); float64(r.SteadyPeak) > most {
		t.Errorf("%d requests in 10 s of steady polls, want at most %.0f", r.SteadyPeak, most)
	}
	if r.Stale > 0 || r.Fresh > p.mostFresh.Seconds() {
		t.Errorf("all certificates are fresh %.0f s after the outage, %d never, want at most %s", r.Fresh, r.Stale, p.mostFresh)
	}
	if r.RecoveryPeak > max(r.SteadyPeak, r.Limit) {
		t.Errorf("%d requests in 10 s after the outage; the limit is %d", r.RecoveryPeak, r.Limit)
	}
}

// herdPod is the Observer of one pod.
type herdPod struct {
	vault *herdVault
	pod   int
}

func (p *herdPod) Beat() {}

func (p *herdPod) Report(r certsync.Report) {
	if r.Ready {
		p.vault.ready(p.pod)
	}
}

// herdClient is the Source of one pod.
type herdClient struct {
	vault *herdVault
	pod   int
}

func (c *herdClient) Fetch(_ context.Context, cert contract.Certificate, _ string) (certsync.Fetched[string], error) {
	r := c.vault.request(c.pod, cert.Name)
	time.Sleep(answerTime)
	if err := c.vault.response(r); err != nil {
		return certsync.Fetched[string]{}, err
	}
	content := "content"
	return certsync.Fetched[string]{Version: "v1", Content: &content, Leaf: certsync.Leaf{Fingerprint: "f"}}, nil
}
