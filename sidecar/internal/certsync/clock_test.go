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

// counting is a Source that counts its calls and returns what a test sets.
type counting struct {
	mu     sync.Mutex
	calls  int
	result Fetched[string]
	err    error
}

func (c *counting) Fetch(context.Context, contract.Certificate, string) (Fetched[string], error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	return c.result, c.err
}

func (c *counting) set(version string, notBefore time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.result, c.err = Fetched[string]{Version: version, Leaf: Leaf{NotBefore: notBefore}, Content: &version}, err
}

// callsSince returns the number of fetches since it was last called.
func (c *counting) callsSince() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.calls
	c.calls = 0
	return n
}

// memoryStores are Stores with one directory.
type memoryStores struct{ installed map[string]Installed }

func (s *memoryStores) Current(string) (map[string]Installed, error) { return s.installed, nil }

func (s *memoryStores) InPlace(string) bool { return true }

func (s *memoryStores) Commit(_ string, items []Item[string]) (Committed, error) {
	s.installed = map[string]Installed{}
	for _, item := range items {
		s.installed[item.Certificate.LinkName] = item.Installed
	}
	return Committed{}, nil
}

type noObserver struct{}

func (noObserver) Beat()         {}
func (noObserver) Report(Report) {}

// running is a loop in a bubble. A test can stop its goroutine and start it again; in between, the
// machine's clocks may jump.
type running struct {
	*Loop[string]
	source *counting
	pause  func()
}

func start(t *testing.T, l *Loop[string], source *counting, run func(context.Context)) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { run(ctx); close(done) }()
	synctest.Wait()
	return &running{Loop: l, source: source, pause: func() { cancel(); <-done }}
}

// jump moves the wall clock against the monotonic clock, as the loop sees it: forward, as when a
// machine wakes up, or back, as when its clock is set.
func (l *Loop[C]) jump(by time.Duration) {
	for _, d := range append([]*deadline{&l.pollAt, &l.retryAt}, deadlines(l.entries)...) {
		d.wall = d.wall.Add(-by)
	}
}

func deadlines(entries []*entry) (list []*deadline) {
	for _, e := range entries {
		list = append(list, &e.nextAt)
	}
	return list
}

// resume runs the loop as Run does, without reading the stores first.
func (l *Loop[C]) resume(ctx context.Context) {
	for ctx.Err() == nil {
		if round, wait := l.due(); len(round) > 0 {
			l.round(ctx, round)
		} else {
			l.sleep(ctx, wait)
		}
	}
}

// Polls keep their pace when the clock is set: they neither stop for the time that it was set back,
// nor run without a pause. A machine that wakes up polls at once.
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
					source, &memoryStores{}, noObserver{}, slog.New(slog.DiscardHandler))
				r := start(t, l, source, l.Run)
				time.Sleep(5 * time.Minute)
				r.pause()
				source.callsSince()
				l.jump(c.by)
				r = start(t, l, source, l.resume)
				time.Sleep(time.Minute)
				if n := source.callsSince(); n < c.min || n > c.max {
					t.Errorf("%d polls in the next minute, want %d to %d", n, c.min, c.max)
				}
				source.set("1", time.Time{}, nil)
				time.Sleep(30 * time.Minute) // until the initial sync ends
				source.callsSince()
				time.Sleep(24 * time.Hour)
				if n := source.callsSince(); n < 22 || n > 27 {
					t.Errorf("%d polls in the next day, want one an hour", n)
				}
				r.pause()
			})
		})
	}
}

// A version that waits is installed when it becomes valid by the wall clock.
func TestValidityFollowsTheWallClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, stores := &counting{}, &memoryStores{}
		source.set("1", time.Time{}, nil)
		l := New(Settings{Interval: 24 * time.Hour, Certificates: []contract.Certificate{{LinkName: "a"}}},
			source, stores, noObserver{}, slog.New(slog.DiscardHandler))
		r := start(t, l, source, l.Run)
		source.set("2", time.Now().Add(10*time.Hour), nil)
		<-l.SyncNow()
		time.Sleep(8 * time.Hour)
		synctest.Wait()
		if got := stores.installed["a"].Version; got != "1" {
			t.Errorf("version %s is installed before it is valid", got)
		}
		r.pause()
		source.set("2", time.Now(), nil) // the loop sees that the clock was set forward by two hours
		l.jump(2 * time.Hour)
		r = start(t, l, source, l.resume)
		if got := stores.installed["a"].Version; got != "2" {
			t.Errorf("version %s is installed, want 2: it is valid by the wall clock", got)
		}
		r.pause()
	})
}
