package servingcert

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
)

const (
	// retryAfter is the wait after a write until its result is visible.
	retryAfter = time.Second
	// maxRetryAfter limits the wait, which doubles with each failed write.
	maxRetryAfter = time.Minute
)

// ConfigurationAPI changes the MutatingWebhookConfiguration. Its errors are those of package
// k8s.io/apimachinery/pkg/api/errors.
type ConfigurationAPI interface {
	// PatchWebhookConfiguration applies a strategic merge patch.
	PatchWebhookConfiguration(ctx context.Context, name string, patch []byte) error
}

// publisher adds CAs to the caBundle. It never removes one that is valid.
type publisher struct {
	configuration string
	api           ConfigurationAPI
	log           *slog.Logger
	retry         retry
}

// publish adds the trusted CAs to the caBundle of every webhook that lacks them. It returns when to
// check that, or zero if there is nothing to do.
func (p *publisher) publish(
	ctx context.Context, now time.Time, config *admissionregistrationv1.MutatingWebhookConfiguration,
	bundles [][]*x509.Certificate, trusted []*x509.Certificate,
) time.Time {
	patch, err := bundlePatch(config, bundles, trusted, now)
	if err == nil && patch == nil {
		return time.Time{}
	}
	if err == nil {
		err = p.api.PatchWebhookConfiguration(ctx, p.configuration, patch)
	}
	if err != nil {
		p.log.Error("cannot publish the caBundle", "webhookConfiguration", p.configuration, "error", err)
		err = fmt.Errorf("cannot publish the caBundle of MutatingWebhookConfiguration %s: %w", p.configuration, err)
	} else {
		p.log.Info("published the caBundle", "webhookConfiguration", p.configuration)
	}
	return now.Add(p.retry.wait(err))
}

// retry counts the consecutive failures of a write.
type retry struct {
	failures int
	err      error // of the last write
}

// wait records the result of a write, and returns how long to wait after it.
func (r *retry) wait(err error) time.Duration {
	if r.err = err; err == nil {
		r.failures = 0
		return retryAfter
	}
	r.failures++
	return min(retryAfter<<min(r.failures-1, 10), maxRetryAfter)
}
