package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
)

// together is how many faults are made at the same time in sandboxes. They mostly wait.
const together = 6

// runner makes faults.
type runner struct {
	options
	program string // the sidecar
	temp    string
	scanner *scanner
	report  *report
	node    *node
}

func newRunner(ctx context.Context, o options) (*runner, error) {
	repo, err := rig.Output(ctx, "", "go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return nil, err
	}
	temp, err := os.MkdirTemp("", "certsync-chaos-")
	if err != nil {
		return nil, err
	}
	progress("building the sidecar")
	program, err := rig.Build(ctx, repo, temp, "sidecar")
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(temp))
	}
	r := &runner{options: o, program: program, temp: temp, scanner: newScanner(), report: &report{}}
	r.node = &node{runner: r}
	return r, nil
}

// all makes the faults, and searches for keys and tokens at the end. The error is why a fault could
// not be made.
func (r *runner) all(ctx context.Context, chosen []fault) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	attempt := func(f fault) {
		if ctx.Err() != nil {
			return
		}
		if err := r.one(ctx, f); err != nil {
			cancel(fmt.Errorf("%s: %w", f.name, err)) // the others end; only the first error counts
		}
	}
	var beside, parallel sync.WaitGroup
	slots := make(chan struct{}, together)
	order := rand.New(rand.NewPCG(r.seed, 0)).Perm(len(chosen))
	for _, i := range order {
		switch f := chosen[i]; {
		case f.beside:
			beside.Go(func() { attempt(f) })
		case !f.node:
			parallel.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				attempt(f)
			})
		}
	}
	parallel.Wait()
	for _, i := range order {
		if f := chosen[i]; f.node && ctx.Err() == nil {
			if err := r.node.prepare(ctx); err != nil {
				cancel(fmt.Errorf("the node: %w", err))
				break
			}
			attempt(f)
		}
	}
	err := r.node.end(context.WithoutCancel(ctx))
	beside.Wait()
	r.report.add(r.scanner.result())
	return errors.Join(context.Cause(ctx), err)
}

// one makes a fault.
func (r *runner) one(ctx context.Context, f fault) error {
	t := &trial{
		ledger: &ledger{fault: f.name, holds: f.holds}, runner: r,
		rand: rand.New(rand.NewPCG(r.seed, hash(f.name))),
		dir:  filepath.Join(r.temp, f.name), ended: func() bool { return ctx.Err() != nil },
	}
	if err := os.Mkdir(t.dir, 0o755); err != nil {
		return err
	}
	begin := time.Now()
	err := f.run(ctx, t)
	r.report.add(t.ledger)
	progress("%s: %.0f s: %s", f.name, time.Since(begin).Seconds(), t.summary())
	return err
}

// hash makes the faults of each name independent of which others are chosen.
func hash(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // it never fails
	return h.Sum64()
}

// trial is one fault that is being made.
type trial struct {
	*ledger
	*runner
	rand *rand.Rand
	dir  string // for its files
	// ended tells whether the run was interrupted, which fails what is waited for.
	ended func() bool
}

// check counts a check, unless the run was interrupted. An error is a violation.
func (t *trial) check(where string, err error) {
	if !t.ended() {
		t.ledger.check(where, err)
	}
}

// between returns a random duration.
func (t *trial) between(least, most time.Duration) time.Duration {
	return least + time.Duration(t.rand.Int64N(int64(most-least)))
}
