package annotations

import (
	"context"
	"errors"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"
)

// Limits for the reads from the API server that admissions cause. Whoever may create pods decides
// which objects, and how many, they name.
const (
	maxReads  = 16  // at the same time
	readRate  = 50  // a second
	readBurst = 100 // at once after a pause
	// readWait is how long a read waits for its turn.
	readWait = 2 * time.Second
)

// ErrBusy is the error of a read that did not get its turn.
var ErrBusy = errors.New("too many pods need objects that the webhook has to read from the API server " +
	"(new or missing service accounts, ConfigMaps with settings): retry in a second")

// Limiter bounds the number and the rate of reads from the API server. All reads of a process that
// admissions cause share one.
type Limiter struct {
	reading *semaphore.Weighted
	rate    *rate.Limiter
}

// NewLimiter returns a Limiter.
func NewLimiter() *Limiter {
	return &Limiter{reading: semaphore.NewWeighted(maxReads), rate: rate.NewLimiter(readRate, readBurst)}
}

// Do calls read when it is its turn, and returns its error. The error is ErrBusy if that is not
// before the end of the context or of readWait.
func (l *Limiter) Do(ctx context.Context, read func() error) error {
	if l.turn(ctx) != nil {
		return ErrBusy
	}
	defer l.reading.Release(1)
	return read()
}

// turn waits until a read may start.
func (l *Limiter) turn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	// This fails at once if the wait would be too long.
	if err := l.rate.Wait(ctx); err != nil {
		return err
	}
	return l.reading.Acquire(ctx, 1)
}

// Reader returns a Reader with the limits.
func (l *Limiter) Reader(read Reader) Reader {
	return func(ctx context.Context, namespace, name string) (o *metav1.PartialObjectMetadata, err error) {
		err = l.Do(ctx, func() error {
			o, err = read(ctx, namespace, name)
			return err
		})
		return o, err
	}
}
