package health_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/health"
)

// A caller starts a poll at once; a thousand callers start one in ten seconds, and each of them
// gets the result of a poll.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const duration = time.Second
		start := time.Now()
		var polls []time.Duration
		sync := health.Pace(func() <-chan struct{} {
			polls = append(polls, time.Since(start))
			done := make(chan struct{})
			time.AfterFunc(duration, func() { close(done) })
			return done
		})
		<-sync()
		if len(polls) != 1 || polls[0] != 0 {
			t.Fatalf("polls start at %v, want the first one at once", polls)
		}
		for range 1000 {
			go func() { <-sync() }()
		}
		synctest.Wait()
		time.Sleep(9 * time.Second) // the poll starts ten seconds after the first one
		synctest.Wait()
		<-sync() // during the poll
		if len(polls) != 2 || polls[1] != 10*time.Second {
			t.Errorf("polls start at %v, want the second one after 10s", polls)
		}
		if took := time.Since(start); took != 11*time.Second {
			t.Errorf("a caller during the poll waits until %s, want the end of that poll", took)
		}
	})
}
