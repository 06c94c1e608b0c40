package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
)

const (
	syncs = 1000
	// syncFor bounds them: a caller may have to wait for the next poll.
	syncFor = 25 * time.Second
	// pollInterval is the shortest time between two polls that callers cause.
	pollInterval = 10 * time.Second
	pathSync     = "/sync"
)

func (s *side) syncAttacks() []attack {
	mesh := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 6)}
	return []attack{
		{"sidecar-sync-flood", "64 MiB, 1 poll in 10 s", s.syncFlood},
		s.strangeSync("sidecar-sync-mesh", mesh, ""),
		s.strangeSync("sidecar-sync-host", nil, "evil.example"),
		s.strangeSync("sidecar-sync-rebound-host", nil, "127.0.0.1.evil.example:8971"),
	}
}

// syncFlood asks for many polls.
func (s *side) syncFlood(ctx context.Context) (string, error) {
	return s.attacked(ctx, s.options(), func(ctx context.Context, sidecar *rig.Sidecar) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, syncFor)
		defer cancel()
		before, err := s.azure.Asked(ctx)
		if err != nil {
			return "", err
		}
		begin := time.Now()
		var mu sync.Mutex
		statuses := map[int]int{}
		next := make(chan struct{}, syncs)
		for range syncs {
			next <- struct{}{}
		}
		close(next)
		var group sync.WaitGroup
		for range clients {
			group.Go(func() {
				for range next {
					status, _ := call(ctx, sidecar, nil, http.MethodPost, pathSync, "")
					mu.Lock()
					statuses[status]++
					mu.Unlock()
				}
			})
		}
		group.Wait()
		took := time.Since(begin)
		after, err := s.azure.Asked(context.WithoutCancel(ctx))
		if err != nil {
			return "", err
		}
		polls := (after.Gets - before.Gets) / synced
		cost := fmt.Sprintf("%d polls in %.1f s, statuses %v", polls, took.Seconds(), statuses)
		if most := 1 + int(took/pollInterval); polls > most {
			return cost, fmt.Errorf("%d polls, at most %d are allowed in %.1f s", polls, most, took.Seconds())
		}
		if statuses[http.StatusOK] == 0 {
			return cost, fmt.Errorf("no caller got the result of a poll: %v", statuses)
		}
		return cost, nil
	})
}

// strangeSync asks for polls from where none must come.
func (s *side) strangeSync(name string, source net.Addr, host string) attack {
	return attack{name, "refused, no poll", func(ctx context.Context) (string, error) {
		return s.attacked(ctx, s.options(), func(ctx context.Context, sidecar *rig.Sidecar) (string, error) {
			ctx, cancel := context.WithTimeout(ctx, syncFor)
			defer cancel()
			before, err := s.azure.Asked(ctx)
			if err != nil {
				return "", err
			}
			status, text := call(ctx, sidecar, source, http.MethodPost, pathSync, host)
			after, err := s.azure.Asked(ctx)
			if err != nil {
				return "", err
			}
			cost := fmt.Sprintf("status %d, %d GETs", status, after.Gets-before.Gets)
			if status < 400 || status >= 500 || after.Gets != before.Gets {
				return cost, fmt.Errorf("POST %s got %s: %s", pathSync, cost, text)
			}
			// The attack must have failed for the right reason.
			if status, text := call(ctx, sidecar, nil, http.MethodPost, pathSync, ""); status != http.StatusOK {
				return cost, fmt.Errorf("POST %s by the pod itself got %d: %s", pathSync, status, text)
			}
			return cost, nil
		})
	}}
}
