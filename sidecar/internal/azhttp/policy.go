package azhttp

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// Names of the services in metrics.
const (
	ServiceEntra    = "entra"
	ServiceMetadata = "metadata"
	ServiceKeyVault = "keyvault"
)

// Observe is called after every request with the service, the status code (0 if there was no
// response) and the duration. It must be safe for concurrent use.
type Observe func(service string, status int, took time.Duration)

// Options returns the options for all SDK clients of the sidecar: c as the transport, the policy of
// this package, no retries, and an application ID in the user agent.
func (c *Client) Options(service string, observe Observe) azcore.ClientOptions {
	return azcore.ClientOptions{
		Transport:        c,
		Retry:            policy.RetryOptions{MaxRetries: -1},
		Telemetry:        policy.TelemetryOptions{ApplicationID: "azure-cert-sync"},
		PerRetryPolicies: []policy.Policy{&requestPolicy{service: service, observe: observe, where: c.where}},
	}
}

// requestPolicy is the policy next to the transport. It is not part of Client, because azidentity
// replaces the transport if identity bindings are configured.
type requestPolicy struct {
	service string
	observe Observe
	where   contract.Mode
}

// Do implements policy.Policy. It observes the request and converts a transport error into an
// *UnreachableError.
func (p *requestPolicy) Do(req *policy.Request) (*http.Response, error) {
	began := time.Now()
	resp, err := req.Next()
	status := 0
	if err == nil {
		status = resp.StatusCode
	}
	if p.observe != nil {
		p.observe(p.service, status, time.Since(began))
	}
	if err == nil {
		return resp, nil
	}
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err // without the URL, since Host is enough
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errTruncated
	}
	failure := &UnreachableError{Host: req.Raw().URL.Host, Err: err, Where: p.where}
	if r, ok := req.Raw().Context().Value(recorderKey{}).(*ErrorRecorder); ok {
		r.Err = failure
	}
	return nil, failure
}

var errTruncated = errors.New("the response is incomplete")

// ErrorRecorder records the last transport error of requests with one context. It is needed because
// azidentity's errors contain the text of a transport error, but do not wrap it.
type ErrorRecorder struct{ Err error }

type recorderKey struct{}

// WithErrorRecorder returns a context that records the transport errors of requests that use it.
// Only one request at a time may use the context.
func WithErrorRecorder(ctx context.Context) (context.Context, *ErrorRecorder) {
	r := new(ErrorRecorder)
	return context.WithValue(ctx, recorderKey{}, r), r
}
