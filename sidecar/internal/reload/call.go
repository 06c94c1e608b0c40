package reload

import (
	"context"
	"errors"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// To returns a function that creates Calls for validated settings. It returns nil if the settings
// configure no announcement. where selects the texts of errors.
func To(where contract.Mode, s contract.Reload) func() Call {
	if s == (contract.Reload{}) {
		return nil
	}
	return func() Call {
		c := &calls{}
		if s.Signal != "" {
			c.remaining = append(c.remaining, newSignaller(where, s.Signal, s.Process))
		}
		if s.URL != "" {
			c.remaining = append(c.remaining, post{url: s.URL})
		}
		return c
	}
}

// calls is a Call that consists of several Calls. Each one is tried until it succeeds.
type calls struct{ remaining []Call }

// Try implements Call. The errors are *NoProcessError, *NotPermittedError and *PostError, joined.
func (c *calls) Try(ctx context.Context) error {
	var failed []Call
	var errs []error
	for _, call := range c.remaining {
		if err := call.Try(ctx); err != nil {
			failed, errs = append(failed, call), append(errs, err)
		}
	}
	c.remaining = failed
	return errors.Join(errs...)
}
