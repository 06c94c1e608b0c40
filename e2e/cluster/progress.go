package cluster

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// heartbeat is how often progress is reported during a long step.
const heartbeat = 15 * time.Second

// progress writes one line per step, each with the time since the start.
type progress struct {
	mu    sync.Mutex
	w     io.Writer
	start time.Time
}

func newProgress(w io.Writer) *progress { return &progress{w: w, start: time.Now()} }

// say writes one line. If the writer fails, the line is lost and the work continues.
func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = fmt.Fprintf(p.w, "[%7s] %s\n", time.Since(p.start).Round(100*time.Millisecond), fmt.Sprintf(format, args...))
}

// during announces a step and runs it. It reports every heartbeat that the step is still running,
// and at the end how long it took.
func (p *progress) during(what string, step func() error) error {
	return p.measured(what, stillRunning, step)
}

func stillRunning() string { return "still running" }

// measured is during for a step that knows how far it is: state returns that for the reports.
func (p *progress) measured(what string, state func() string, step func() error) error {
	p.say("%s ...", what)
	began := time.Now()
	err := p.watched(what, state, step)
	if err == nil {
		p.say("%s: done in %s", what, time.Since(began).Round(100*time.Millisecond))
	}
	return err
}

// quietly runs a step that is usually short. It reports only if the step takes longer than a
// heartbeat.
func (p *progress) quietly(what string, step func() error) error {
	return p.watched(what, stillRunning, step)
}

// watched runs a step, and reports its state every heartbeat.
func (p *progress) watched(what string, state func() string, step func() error) error {
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
				p.say("%s: %s after %s", what, state(), time.Since(began).Round(time.Second))
			}
		}
	})
	defer beats.Wait()
	defer close(done)
	return step()
}
