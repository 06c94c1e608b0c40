package reload

import (
	"context"
	"errors"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// To returns what makes Calls that do as settings say, which Validate has accepted; nil where they say nothing.
func To(s contract.Reload) func() Call {
	if s == (contract.Reload{}) {
		return nil
	}
	return func() Call {
		c := &calls{}
		if s.Signal != "" {
			c.left = append(c.left, newSignaller(s.Signal, s.Process))
		}
		if s.URL != "" {
			c.left = append(c.left, post{url: s.URL})
		}
		return c
	}
}

// calls is a Call of several, each of which is tried until it succeeds.
type calls struct{ left []Call }

// Try implements Call. The errors are *NoProcessError, *NotPermittedError and *PostError, joined.
func (c *calls) Try(ctx context.Context) error {
	var failed []Call
	var errs []error
	for _, call := range c.left {
		if err := call.Try(ctx); err != nil {
			failed, errs = append(failed, call), append(errs, err)
		}
	}
	c.left = failed
	return errors.Join(errs...)
}
