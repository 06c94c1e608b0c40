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
)

// Services, as metrics name them.
const (
	ServiceEntra    = "entra"
	ServiceMetadata = "metadata"
	ServiceKeyVault = "keyvault"
)

// Observe is told of every request: the service, the answer's status code (0 where there was none) and
// how long it took. It is called by many goroutines at once.
type Observe func(service string, status int, took time.Duration)

// Options returns what every SDK client of the sidecar is made with: c as the transport, the policy of
// this package, no retries and no telemetry of the SDK's own.
func (c *Client) Options(service string, observe Observe) azcore.ClientOptions {
	return azcore.ClientOptions{
		Transport:        c,
		Retry:            policy.RetryOptions{MaxRetries: -1},
		Telemetry:        policy.TelemetryOptions{ApplicationID: "azure-cert-sync"},
		PerRetryPolicies: []policy.Policy{&watch{service: service, observe: observe}},
	}
}

// watch stands next to the transport. It is a policy and not part of the Client, because azidentity
// puts a transport of its own in the place of ours where identity bindings are configured.
type watch struct {
	service string
	observe Observe
}

// Do counts the request and turns a missing answer into an *UnreachableError.
func (w *watch) Do(req *policy.Request) (*http.Response, error) {
	began := time.Now()
	resp, err := req.Next()
	status := 0
	if err == nil {
		status = resp.StatusCode
	}
	if w.observe != nil {
		w.observe(w.service, status, time.Since(began))
	}
	if err == nil {
		return resp, nil
	}
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err // without the URL: Host says enough
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errBrokeOff
	}
	failure := &UnreachableError{Host: req.Raw().URL.Host, Err: err}
	if n, ok := req.Raw().Context().Value(noteKey{}).(*Note); ok {
		n.Err = failure
	}
	return nil, failure
}

var errBrokeOff = errors.New("the answer broke off")

// Note keeps the last failure of requests made with one context. azidentity needs it: its errors carry
// the text of what went wrong in the transport, but not the error.
type Note struct{ Err error }

type noteKey struct{}

// WithNote returns a context that notes the failures of requests made with it. The requests must follow
// each other.
func WithNote(ctx context.Context) (context.Context, *Note) {
	n := new(Note)
	return context.WithValue(ctx, noteKey{}, n), n
}
