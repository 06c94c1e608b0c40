package azure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// AdminClient drives an emulator in another process or in a pod.
type AdminClient struct {
	base   string
	client *http.Client
}

var _ Control = (*AdminClient)(nil)

// NewAdminClient returns a client of the admin API at a base URL such as
// http://127.0.0.1:8080. The http.Client says how to get there (a dial function of
// its transport enters a network namespace or forwards a port); nil means http.DefaultClient. It
// must not have a timeout, because the timeout would also apply to Await.
func NewAdminClient(base string, client *http.Client) *AdminClient {
	if client == nil {
		client = http.DefaultClient
	}
	return &AdminClient{base: strings.TrimSuffix(base, "/"), client: client}
}

// call posts in and decodes the response into a new Out.
func call[Out any](ctx context.Context, c *AdminClient, name string, in any) (out Out, err error) {
	fail := func(err error) (Out, error) { return out, fmt.Errorf("emulator: %s: %w", name, err) }
	data, err := json.Marshal(in)
	if err != nil {
		return fail(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/v1/"+name, bytes.NewReader(data))
	if err != nil {
		return fail(err)
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return fail(err)
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK {
		return fail(readAdminError(resp))
	}
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return fail(err)
	}
	return out, nil
}

// readAdminError restores the error that the method returned, as far as the status identifies it.
func readAdminError(resp *http.Response) error {
	var body adminError
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return err
	}
	if json.Unmarshal(data, &body) != nil || body.Error == "" {
		body.Error = resp.Status
	}
	switch resp.StatusCode {
	case http.StatusBadRequest:
		return restored(ErrInvalid, body.Error)
	case http.StatusNotFound:
		return restored(ErrNotFound, body.Error)
	}
	return errors.New(body.Error)
}

func restored(kind error, text string) error {
	return fmt.Errorf("%w: %s", kind, strings.TrimPrefix(text, kind.Error()+": "))
}

// Apply implements [Control].
func (c *AdminClient) Apply(ctx context.Context, config Config) error {
	_, err := call[empty](ctx, c, "apply", config)
	return err
}

// DeleteApplication implements [Control].
func (c *AdminClient) DeleteApplication(ctx context.Context, clientID string) error {
	_, err := call[empty](ctx, c, "delete-application", clientIDArg{clientID})
	return err
}

// Revoke implements [Control].
func (c *AdminClient) Revoke(ctx context.Context, g Grant) error {
	_, err := call[empty](ctx, c, "revoke", g)
	return err
}

// CreateCertificate implements [Control].
func (c *AdminClient) CreateCertificate(ctx context.Context, cert Certificate) (Version, error) {
	return call[Version](ctx, c, "create-certificate", cert)
}

// CreateSecret implements [Control].
func (c *AdminClient) CreateSecret(ctx context.Context, s Secret) (Version, error) {
	return call[Version](ctx, c, "create-secret", s)
}

// Renew implements [Control].
func (c *AdminClient) Renew(ctx context.Context, r Renewal) (Version, error) {
	return call[Version](ctx, c, "renew", r)
}

// Versions implements [Control].
func (c *AdminClient) Versions(ctx context.Context, ref SecretRef) ([]Version, error) {
	out, err := call[versionList](ctx, c, "versions", ref)
	return out.Versions, err
}

// SetEnabled implements [Control].
func (c *AdminClient) SetEnabled(ctx context.Context, ref SecretRef, enabled bool) error {
	_, err := call[empty](ctx, c, "set-enabled", setEnabled{ref, enabled})
	return err
}

// Delete implements [Control].
func (c *AdminClient) Delete(ctx context.Context, ref SecretRef) error {
	_, err := call[empty](ctx, c, "delete", ref)
	return err
}

// InjectFault implements [Control].
func (c *AdminClient) InjectFault(ctx context.Context, f Fault) (string, error) {
	out, err := call[faultID](ctx, c, "inject-fault", f)
	return out.ID, err
}

// ClearFaults implements [Control].
func (c *AdminClient) ClearFaults(ctx context.Context, ids ...string) error {
	_, err := call[empty](ctx, c, "clear-faults", faultIDs{ids})
	return err
}

// CutOff implements [Control].
func (c *AdminClient) CutOff(ctx context.Context, host string, off bool) error {
	_, err := call[empty](ctx, c, "cut-off", cutOff{host, off})
	return err
}

// Present implements [Control].
func (c *AdminClient) Present(ctx context.Context, host, certificate string) error {
	_, err := call[empty](ctx, c, "present", present{host, certificate})
	return err
}

// Confidential implements [Control].
func (c *AdminClient) Confidential(ctx context.Context) (Confidential, error) {
	return call[Confidential](ctx, c, "confidential", empty{})
}

// Requests implements [Control].
func (c *AdminClient) Requests(ctx context.Context, f Filter) ([]Request, error) {
	out, err := call[requestsList](ctx, c, "requests", f)
	return out.Requests, err
}

// Counts implements [Control].
func (c *AdminClient) Counts(ctx context.Context, f Filter) (Counts, error) {
	return call[Counts](ctx, c, "counts", f)
}

// Await implements [Control].
func (c *AdminClient) Await(ctx context.Context, f Filter, n int) ([]Request, error) {
	out, err := call[requestsList](ctx, c, "await", awaitArg{f, n})
	return out.Requests, err
}

// ForgetRequests implements [Control].
func (c *AdminClient) ForgetRequests(ctx context.Context) error {
	_, err := call[empty](ctx, c, "forget-requests", empty{})
	return err
}

// Roots implements [Control].
func (c *AdminClient) Roots(ctx context.Context) (Roots, error) {
	return call[Roots](ctx, c, "roots", empty{})
}

// readyInterval is the pause between checks of an emulator that is starting.
const readyInterval = 20 * time.Millisecond

// WaitReady returns when the emulator responds, or with the last failure when the context ends.
func (c *AdminClient) WaitReady(ctx context.Context) error {
	for {
		err := c.healthy(ctx)
		if err == nil {
			return nil
		}
		if !sleep(ctx, readyInterval) {
			return fmt.Errorf("emulator: not ready: %w", err)
		}
	}
}

func (c *AdminClient) healthy(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/healthz", nil)
	if err != nil {
		return err
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	return errors.Join(err, resp.Body.Close())
}
