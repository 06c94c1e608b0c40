package certsync_test

import (
	"slices"
	"time"
)

// herdResult is what TestHerd finds out. e2e/bench reads it. Times are in seconds.
type herdResult struct {
	Pods         int     `json:"pods"`
	Certificates int     `json:"certificates"`
	Interval     float64 `json:"interval"`
	OutageAt     float64 `json:"outageAt"`
	OutageEnd    float64 `json:"outageEnd"`
	// Limit is how many requests the vault admits in ten seconds.
	Limit int `json:"limit"`

	// The start, with empty stores. Late pods never become ready. StartRequests is for each
	// certificate, until all pods are ready.
	HalfReady     float64 `json:"halfReady"`
	AllReady      float64 `json:"allReady"`
	Late          int     `json:"late"`
	StartRequests float64 `json:"startRequests"`

	// Peaks are requests in ten seconds; throttled is a share of the requests. The first interval
	// is the one after all pods are ready, the steady state all until the outage.
	FirstPeak       int     `json:"firstPeak"`
	FirstThrottled  float64 `json:"firstThrottled"`
	SteadyMean      float64 `json:"steadyMean"`
	SteadyPeak      int     `json:"steadyPeak"`
	SteadyThrottled float64 `json:"steadyThrottled"`
	// SteadyStale is the longest time between two successful polls of a certificate.
	SteadyStale float64 `json:"steadyStale"`

	// Recovery is from the end of the outage until all certificates that missed a poll in it are
	// fresh, Fresh seconds later; Stale are those that are never fresh again. OutageStale is the
	// longest time between a successful poll before the outage and the next one.
	OutagePeak        int     `json:"outagePeak"`
	Fresh             float64 `json:"fresh"`
	Stale             int     `json:"stale"`
	RecoveryPeak      int     `json:"recoveryPeak"`
	RecoveryThrottled float64 `json:"recoveryThrottled"`
	OutageStale       float64 `json:"outageStale"`

	Bins []herdBin `json:"bins"`
}

func (v *herdVault) result(p herdPlan) herdResult {
	r := herdResult{
		Pods: len(v.readyAt), Certificates: herdCertificates, Limit: v.full, Interval: p.interval.Seconds(),
		OutageAt: p.outageAt.Seconds(), OutageEnd: (p.outageAt + outage).Seconds(), Bins: v.bins,
	}
	slices.SortFunc(v.readyAt, func(a, b time.Time) int { return a.Compare(b) })
	for _, at := range v.readyAt {
		if at.IsZero() {
			r.Late++
		}
	}
	since := func(t time.Time) float64 { return max(t.Sub(v.began).Seconds(), 0) }
	r.HalfReady, r.AllReady = since(v.readyAt[len(v.readyAt)/2]), since(v.readyAt[len(v.readyAt)-1])
	end := v.outage.Add(outage)
	for _, c := range v.certificates {
		r.SteadyStale = max(r.SteadyStale, c.steadyGap.Seconds())
		r.OutageStale = max(r.OutageStale, c.outageGap.Seconds())
		switch {
		case !c.missed:
		case c.fresh.IsZero():
			r.Stale++
		default:
			r.Fresh = max(r.Fresh, c.fresh.Sub(end).Seconds())
		}
	}
	start := sum(v.during(0, r.AllReady))
	r.StartRequests = float64(start.requests()) / float64(r.Pods*r.Certificates)
	spread := r.AllReady + 1.1*r.Interval
	first, steady := v.during(r.AllReady+window.Seconds(), spread), v.during(spread, r.OutageAt)
	r.FirstPeak, r.FirstThrottled = peak(first), throttled(first)
	r.SteadyPeak, r.SteadyThrottled = peak(steady), throttled(steady)
	r.SteadyMean = float64(sum(steady).requests()) / float64(max(len(steady), 1))
	r.OutagePeak = peak(v.during(r.OutageAt, r.OutageEnd))
	recovery := v.during(r.OutageEnd, r.OutageEnd+r.Fresh)
	r.RecoveryPeak, r.RecoveryThrottled = peak(recovery), throttled(recovery)
	return r
}

// during returns the bins that begin in a time.
func (v *herdVault) during(from, to float64) []herdBin {
	i := min(int(from/window.Seconds()), len(v.bins))
	return v.bins[i:max(i, min(int(to/window.Seconds()), len(v.bins)))]
}

func sum(bins []herdBin) (all herdBin) {
	for _, b := range bins {
		all.Served += b.Served
		all.Throttled += b.Throttled
		all.Failed += b.Failed
	}
	return all
}

func peak(bins []herdBin) (most int) {
	for _, b := range bins {
		most = max(most, b.requests())
	}
	return most
}

func throttled(bins []herdBin) float64 {
	all := sum(bins)
	return float64(all.Throttled) / float64(max(all.requests(), 1))
}
