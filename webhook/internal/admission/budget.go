package admission

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/semaphore"
)

// Budget of the requests that are in progress, in bytes. The first smallShare of each request is
// charged to the small budget and the rest to the large one, so large requests that wait for memory
// or for their sender do not delay ordinary pods. The sum, the copies that decoding makes, and what
// the process needs anyway stay below the 256 MiB of the chart's limit.
const (
	smallShare  = 128 << 10
	smallBudget = 16 << 20
	largeBudget = 18 << 20
	// budgetWait is how long a request waits for its share.
	budgetWait = 2 * time.Second
)

// Charges in bytes for what is built from a body. They are near the mean sizes of the types: an
// element of a list of objects, any other value, and a container with its part of the patch.
const (
	chargeObject    = 128
	chargeValue     = 16
	chargeContainer = 2 << 10
	// free is what is not charged: more than an ordinary pod needs, most of which are managed
	// fields that are not decoded.
	free = 64 << 10
)

// errBusy is the error if the budget is used up for longer than budgetWait.
var errBusy = errors.New("the webhook is processing too many or too large requests: retry in a second; " +
	"if this persists, add replicas (chart value webhook.replicas)")

// budget bounds the memory of all requests in progress.
type budget struct{ small, large *semaphore.Weighted }

func newBudget() *budget {
	return &budget{semaphore.NewWeighted(smallBudget), semaphore.NewWeighted(largeBudget)}
}

// charge is what one request has taken from the budget.
type charge struct {
	budget       *budget
	small, large int64
	// waited is the time that the request has waited for the budget.
	waited time.Duration
}

// add takes n more bytes. It waits for them until the context ends or budgetWait is used up; then
// the error is errBusy. A request never waits for more than the whole budget: it is then the only
// large one.
func (c *charge) add(ctx context.Context, n int64) error {
	small := min(n, smallShare-c.small)
	large := min(n-small, largeBudget-c.large)
	if err := c.acquire(ctx, c.budget.small, small); err != nil {
		return err
	}
	c.small += small
	if err := c.acquire(ctx, c.budget.large, large); err != nil {
		return err
	}
	c.large += large
	return nil
}

func (c *charge) acquire(ctx context.Context, s *semaphore.Weighted, n int64) error {
	if n <= 0 || s.TryAcquire(n) {
		return nil
	}
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, budgetWait-c.waited)
	defer cancel()
	err := s.Acquire(ctx, n)
	c.waited += time.Since(start)
	if err != nil {
		return errBusy
	}
	return nil
}

// release returns all that the request has taken.
func (c *charge) release() {
	if c.small > 0 {
		c.budget.small.Release(c.small)
	}
	if c.large > 0 {
		c.budget.large.Release(c.large)
	}
	c.small, c.large = 0, 0
}
