package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
)

// clients attack at once.
const clients = 64

// single is the attack with one request, sent ten times by one client.
func (h *hook) single(name string, request []byte) attack {
	const times = 10
	run := func(ctx context.Context) error {
		for range times {
			if status, err := h.send(ctx, request); err != nil {
				return fmt.Errorf("no response in 5 s: %w", err)
			} else if status >= 500 {
				return fmt.Errorf("the webhook responded with status %d", status)
			}
		}
		return nil
	}
	return attack{name, "128 MiB, good pod 1 s, a response each", func(ctx context.Context) (string, error) {
		return h.attacked(ctx, run)
	}}
}

// send sends one request on a new connection, waits as long as the API server does, and returns the
// status of the response.
func (h *hook) send(ctx context.Context, request []byte) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	c, err := h.node.Connect(ctx, h.config)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	deadline, _ := ctx.Deadline()
	status, _, err = c.Send(request, deadline)
	return status, err
}

// stalled sends almost all of the largest request on each connection, and then nothing.
func (h *hook) stalled(ctx context.Context) (string, error) {
	return h.attacked(ctx, func(ctx context.Context) error {
		full := team.List("containers")
		var open atomic.Int64
		var group sync.WaitGroup
		for range clients {
			group.Go(func() {
				if h.stall(ctx, full[:len(full)-1]) {
					open.Add(1)
				}
			})
		}
		group.Wait()
		if n := open.Load(); n > 0 {
			return fmt.Errorf("%d of %d stalled connections are open after %s", n, clients, attackFor)
		}
		return nil
	})
}

// stall sends a part of a request and reports whether the server still waits for the rest at the
// end.
func (h *hook) stall(ctx context.Context, part []byte) (open bool) {
	ctx, cancel := context.WithTimeout(ctx, attackFor)
	defer cancel()
	c, err := h.node.Connect(ctx, h.config)
	if err != nil {
		return false
	}
	defer c.Close()
	deadline, _ := ctx.Deadline()
	_, _, err = c.Send(part, deadline)
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// mix sends the worst requests of each kind by all clients. Every fourth one stalls.
func (h *hook) mix(ctx context.Context) (string, error) {
	requests := team.Worst()
	return h.attacked(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, attackFor)
		defer cancel()
		var group sync.WaitGroup
		for i := range clients {
			group.Go(func() {
				for k := i; ctx.Err() == nil; k++ {
					request := requests[k%len(requests)]
					if i%4 == 0 {
						h.stall(ctx, request[:len(request)-1])
					} else if _, err := h.send(ctx, request); err != nil {
						_ = rig.Pause(ctx, 10*time.Millisecond) // refused: not a busy loop here
					}
				}
			})
		}
		group.Wait()
		return nil
	})
}
