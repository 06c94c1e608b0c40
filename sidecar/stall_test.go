package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certfiles"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/health"
)

// hangingStores hang in the second commit.
type hangingStores struct {
	commits int
	release <-chan struct{}
}

func (h *hangingStores) Current(string) (map[string]certsync.Installed, error) { return nil, nil }

func (h *hangingStores) InPlace(string) bool { return true }

func (h *hangingStores) Commit(string, []certsync.Item[certfiles.Content]) (certsync.Committed, error) {
	if h.commits++; h.commits > 1 {
		<-h.release
	}
	return certsync.Committed{}, nil
}

type noSource struct{}

func (noSource) Fetch(context.Context, contract.Certificate, string) (certsync.Fetched[certfiles.Content], error) {
	return certsync.Fetched[certfiles.Content]{}, errors.New("no answer")
}

// A process whose loop hangs, here in a file system, exits after five minutes and reports its last
// state.
func TestEndsWhenTheLoopHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		state := health.New(health.NewMetrics())
		loop := certsync.New[certfiles.Content](certsync.Settings{Interval: time.Hour, RequireInitialSync: true, Certificates: []contract.Certificate{{VaultName: "v", Name: "a"}}},
			noSource{}, &hangingStores{release: ctx.Done()}, state, slog.New(slog.DiscardHandler))
		go endStalled(ctx, state, cancel)
		go loop.Run(ctx)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if ctx.Err() != nil {
			t.Errorf("it ends before 5 minutes are over: %v", context.Cause(ctx))
		}
		time.Sleep(2 * time.Second) // the loop ran for one second
		synctest.Wait()
		err := context.Cause(ctx)
		if !errors.Is(err, errStalled) || !strings.Contains(err.Error(), "1 certificate missing after attempt 1 of 25: v.a: no answer") {
			t.Errorf("after five minutes: %v", err)
		}
	})
}
