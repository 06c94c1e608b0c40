package cluster

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// heartbeat is how often a long step says that it still runs.
const heartbeat = 15 * time.Second

// progress writes one line per step, each with the time since the start.
type progress struct {
	mu    sync.Mutex
	w     io.Writer
	start time.Time
}

func newProgress(w io.Writer) *progress { return &progress{w: w, start: time.Now()} }

// say writes one line. A writer that fails loses the line, never the work.
func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = fmt.Fprintf(p.w, "[%7s] %s\n", time.Since(p.start).Round(100*time.Millisecond), fmt.Sprintf(format, args...))
}

// during runs a step, announces it, reports every heartbeat that it goes on, and how long it took.
func (p *progress) during(what string, step func() error) error {
	p.say("%s ...", what)
	began := time.Now()
	err := p.quietly(what, step)
	if err == nil {
		p.say("%s: done in %s", what, time.Since(began).Round(100*time.Millisecond))
	}
	return err
}

// quietly runs a step that is usually short, and reports every heartbeat if it is not.
func (p *progress) quietly(what string, step func() error) error {
	began := time.Now()
	done := make(chan struct{})
	var beats sync.WaitGroup
	beats.Go(func() {
		t := time.NewTicker(heartbeat)
		defer t.Stop()
		for {
			select {
			case <-done:
				return
			case <-t.C:
				p.say("%s: still at it after %s", what, time.Since(began).Round(time.Second))
			}
		}
	})
	defer beats.Wait()
	defer close(done)
	return step()
}
