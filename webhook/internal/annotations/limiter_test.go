package annotations

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestInventedAccounts names accounts that do not exist, again and again, as pods of a tenant may.
func TestInventedAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reads, now, most atomic.Int32
		read := func(context.Context, string, string) (*metav1.PartialObjectMetadata, error) {
			reads.Add(1)
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(20 * time.Millisecond)
			now.Add(-1)
			return nil, errNotFound
		}
		l := NewLookup("service account", NewCache(), NewLimiter().Reader(read))
		ask := func(accounts int) (missing, busy int32) {
			var wg sync.WaitGroup
			var m, b atomic.Int32
			for i := range accounts {
				wg.Go(func() {
					_, err := l.Annotations(t.Context(), "ns", fmt.Sprint(i))
					var notFound *NotFoundError
					switch {
					case errors.As(err, &notFound):
						m.Add(1)
					case errors.Is(err, ErrBusy):
						b.Add(1)
					default:
						t.Errorf("got %v", err)
					}
				})
			}
			wg.Wait()
			return m.Load(), b.Load()
		}
		start := time.Now()
		missing, busy := ask(200)
		elapsed := time.Since(start)
		if allowed := int32(readBurst + readRate*elapsed.Seconds() + 1); reads.Load() > allowed || reads.Load() > 400 {
			t.Errorf("%d reads for 200 accounts in %v", reads.Load(), elapsed)
		}
		if missing+busy != 200 || missing < 150 || elapsed > readTimeout+readWait {
			t.Errorf("%d missing, %d busy after %v", missing, busy, elapsed)
		}
		t.Logf("%d reads, %d missing, %d busy, %v", reads.Load(), missing, busy, elapsed)
		if most.Load() > maxReads {
			t.Errorf("%d reads at the same time", most.Load())
		}
	})
}

// TestMissingAccountIsNotReadAgain asks for one account at several times.
func TestMissingAccountIsNotReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads := 0
		cache := NewCache()
		l := NewLookup("service account", cache, func(context.Context, string, string) (*metav1.PartialObjectMetadata, error) {
			reads++
			return nil, errNotFound
		})
		wantMissing := func(wantReads int) {
			t.Helper()
			_, err := l.Annotations(t.Context(), "ns", "web")
			var notFound *NotFoundError
			if !errors.As(err, &notFound) || reads != wantReads {
				t.Errorf("got %v after %d reads, want not found after %d", err, reads, wantReads)
			}
		}
		wantMissing(2)
		wantMissing(2)
		time.Sleep(absentFor)
		wantMissing(4)
		// Found as soon as the cache has it.
		o := account("ns", "web", "1")
		Strip(o)
		cache.Set(o)
		if _, err := l.Annotations(t.Context(), "ns", "web"); err != nil {
			t.Error(err)
		}
	})
}

// TestAccountThatTheCacheGets checks that an account that the watch delivers during the grace period
// is found without a further read.
func TestAccountThatTheCacheGets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads := 0
		cache := NewCache()
		l := NewLookup("service account", cache, func(context.Context, string, string) (*metav1.PartialObjectMetadata, error) {
			reads++
			return nil, errNotFound
		})
		time.AfterFunc(cacheInterval/2, func() {
			o := account("ns", "web", "1")
			Strip(o)
			cache.Set(o)
		})
		start := time.Now()
		got, err := l.Annotations(t.Context(), "ns", "web")
		if err != nil || len(got) != 1 || reads != 1 || time.Since(start) != cacheInterval {
			t.Errorf("got %v, %v after %d reads and %v", got, err, reads, time.Since(start))
		}
	})
}

func TestAbsentIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a absent
		for i := range 2 * maxAbsent {
			a.add(key{"ns", fmt.Sprint(i)})
		}
		if len(a.until) != maxAbsent {
			t.Errorf("%d objects are remembered", len(a.until))
		}
		time.Sleep(absentFor)
		a.add(key{"ns", "new"})
		if len(a.until) != 1 || !a.has(key{"ns", "new"}) || a.has(key{"ns", "1"}) {
			t.Errorf("%d objects are remembered after their time", len(a.until))
		}
	})
}

// TestSlowReadsDoNotPileUp checks that reads wait for their turn for a limited time.
func TestSlowReadsDoNotPileUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter()
		var wg sync.WaitGroup
		for range maxReads {
			wg.Go(func() {
				if err := l.Do(t.Context(), func() error { time.Sleep(time.Minute); return nil }); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		start := time.Now()
		if err := l.Do(t.Context(), func() error { t.Error("read"); return nil }); !errors.Is(err, ErrBusy) || time.Since(start) != readWait {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
		wg.Wait()
		if err := l.Do(t.Context(), func() error { return errNotFound }); !errors.Is(err, errNotFound) {
			t.Errorf("got %v", err)
		}
	})
}
