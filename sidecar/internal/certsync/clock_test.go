package certsync

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// counting is a Source that counts, and has what a test sets.
type counting struct {
	mu     sync.Mutex
	asked  int
	answer Fetched
	err    error
}

func (c *counting) Fetch(context.Context, contract.Certificate, string) (Fetched, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	return c.answer, c.err
}

func (c *counting) set(version string, notBefore time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer, c.err = Fetched{Version: version, Leaf: Leaf{NotBefore: notBefore}, Content: version}, err
}

// since is how often it was asked since the last call.
func (c *counting) since() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.asked
	c.asked = 0
	return n
}

// keeper is Stores with one link.
type keeper struct{ has map[string]Installed }

func (k *keeper) Current(string) (map[string]Installed, error) { return k.has, nil }

func (k *keeper) Commit(_ string, items []Item) (Committed, error) {
	k.has = map[string]Installed{}
	for _, item := range items {
		k.has[item.Certificate.LinkName] = item.Installed
	}
	return Committed{}, nil
}

type deaf struct{}

func (deaf) Beat()         {}
func (deaf) Report(Report) {}

// running is a loop in a bubble, whose own goroutine can be stopped and started again: between the two the machine's
// clocks may jump.
type running struct {
	*Loop
	source *counting
	pause  func()
}

func start(t *testing.T, l *Loop, source *counting, run func(context.Context)) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { run(ctx); close(done) }()
	synctest.Wait()
	return &running{Loop: l, source: source, pause: func() { cancel(); <-done }}
}

// jump moves the wall clock against the monotonic one, seen from the loop: forward as when a machine wakes up, or back as
// when its clock is set.
func (l *Loop) jump(by time.Duration) {
	for _, d := range append([]*deadline{&l.pollAt, &l.retryAt}, dues(l.entries)...) {
		d.wall = d.wall.Add(-by)
	}
}

func dues(entries []*entry) (list []*deadline) {
	for _, e := range entries {
		list = append(list, &e.due)
	}
	return list
}

// turn runs the loop as Run does, but for its beginning.
func (l *Loop) turn(ctx context.Context) {
	for ctx.Err() == nil {
		if round, wait := l.due(); len(round) > 0 {
			l.round(ctx, round)
		} else {
			l.sleep(ctx, wait)
		}
	}
}

// Whatever the clock is set to, polls go on at their pace: neither none for the time that it was set back, nor without a
// pause. A machine that wakes up polls at once.
func TestClockJumps(t *testing.T) {
	const years = 10 * 365 * 24 * time.Hour
	for name, c := range map[string]struct {
		by       time.Duration
		min, max int  // polls in the minute after
		failing  bool // in the initial sync, with an attempt every 30 s
	}{
		"suspended for a day":           {by: 24 * time.Hour, min: 1, max: 1},
		"set forward by two hours":      {by: 2 * time.Hour, min: 1, max: 1},
		"set back by half an hour":      {by: -30 * time.Minute},
		"set back by two hours":         {by: -2 * time.Hour},
		"set back by years":             {by: -years},
		"suspended in the initial sync": {by: time.Hour, min: 2, max: 3, failing: true},
		"set back in the initial sync":  {by: -time.Hour, min: 1, max: 3, failing: true},
		"set back by years in it":       {by: -years, min: 1, max: 3, failing: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := &counting{}
				source.set("1", time.Time{}, nil)
				if c.failing {
					source.set("", time.Time{}, errors.New("no answer"))
				}
				l := New(Settings{Interval: time.Hour, Certificates: []contract.Certificate{{LinkName: "a"}}},
					source, &keeper{}, deaf{}, slog.New(slog.DiscardHandler))
				r := start(t, l, source, l.Run)
				time.Sleep(5 * time.Minute)
				r.pause()
				source.since()
				l.jump(c.by)
				r = start(t, l, source, l.turn)
				time.Sleep(time.Minute)
				if n := source.since(); n < c.min || n > c.max {
					t.Errorf("%d polls in the minute after, want %d to %d", n, c.min, c.max)
				}
				source.set("1", time.Time{}, nil)
				time.Sleep(30 * time.Minute) // the initial sync, if it was still going on, ends
				source.since()
				time.Sleep(24 * time.Hour)
				if n := source.since(); n < 22 || n > 27 {
					t.Errorf("%d polls in the day after, want one an hour", n)
				}
				r.pause()
			})
		})
	}
}

// A version that waits is switched to when the wall clock says that it is valid.
func TestValidityFollowsTheWallClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, stores := &counting{}, &keeper{}
		source.set("1", time.Time{}, nil)
		l := New(Settings{Interval: 24 * time.Hour, Certificates: []contract.Certificate{{LinkName: "a"}}},
			source, stores, deaf{}, slog.New(slog.DiscardHandler))
		r := start(t, l, source, l.Run)
		source.set("2", time.Now().Add(10*time.Hour), nil)
		<-l.SyncNow()
		time.Sleep(8 * time.Hour)
		synctest.Wait()
		if got := stores.has["a"].Version; got != "1" {
			t.Errorf("version %s is installed before it is valid", got)
		}
		r.pause()
		source.set("2", time.Now(), nil) // in the loop's eyes: the clock is set forward by two hours
		l.jump(2 * time.Hour)
		r = start(t, l, source, l.turn)
		if got := stores.has["a"].Version; got != "2" {
			t.Errorf("version %s is installed once the clock says that the newer one is valid", got)
		}
		r.pause()
	})
}
