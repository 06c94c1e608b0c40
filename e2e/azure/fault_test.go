package azure_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
)

const secretURL = "https://" + vaultHost + "/secrets/s?api-version=7.6"

// withSecret runs a test in a bubble with a fixture that has a secret s, and a token for it.
func withSecret(t *testing.T, test func(f *fixture, token string)) {
	inBubble(t, func(f *fixture) {
		_, err := f.CreateSecret(f.t.Context(), azure.Secret{Vault: vaultHost, Name: "s", Value: strings.Repeat("v", 100)})
		check(f.t, err)
		test(f, f.vaultToken(vaultScope))
	})
}

// outcome is the result of one GET for the client.
type outcome struct {
	status     int
	retryAfter string
	body       string
	err        error
	took       time.Duration
}

func (f *fixture) try(ctx context.Context, token string) (o outcome) {
	start := time.Now()
	defer func() { o.took = time.Since(start) }()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, secretURL, nil)
	check(f.t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	client := f.Client()
	f.t.Cleanup(client.CloseIdleConnections)
	resp, err := client.Do(req)
	if err != nil {
		return outcome{err: err}
	}
	data, err := io.ReadAll(resp.Body)
	return outcome{status: resp.StatusCode, retryAfter: resp.Header.Get("Retry-After"), body: string(data), err: errors.Join(err, resp.Body.Close())}
}

func isJSON(body string) bool { return json.Valid([]byte(body)) }

func TestFaults(t *testing.T) {
	cases := map[string]struct {
		fault azure.Fault
		want  func(outcome) bool
	}{
		"delay": {azure.Fault{Delay: azure.Duration(time.Minute)}, func(o outcome) bool { return o.status == 200 && o.took >= time.Minute && isJSON(o.body) }},
		"status": {azure.Fault{Status: 503, RetryAfter: "120"}, func(o outcome) bool {
			return o.status == 503 && o.retryAfter == "120" && strings.Contains(o.body, `"code":"ServiceUnavailable"`)
		}},
		"throttled": {azure.Fault{Status: 429}, func(o outcome) bool {
			return o.status == 429 && o.retryAfter == "" && strings.Contains(o.body, `"code":"Throttled"`)
		}},
		"header": {azure.Fault{Status: 429, Header: map[string]string{"Retry-After": "0.5"}}, func(o outcome) bool {
			return o.status == 429 && o.retryAfter == "0.5"
		}},
		"service's own error": {azure.Fault{Error: "ForbiddenByFirewall"}, func(o outcome) bool {
			return o.status == 403 && strings.Contains(o.body, `"innererror":{"code":"ForbiddenByFirewall"}`) && strings.Contains(o.body, "appid="+clientID)
		}},
		"body":    {azure.Fault{Status: 502, Body: "<html>bad gateway</html>", BodyType: "text/html"}, func(o outcome) bool { return o.status == 502 && o.body == "<html>bad gateway</html>" }},
		"garbage": {azure.Fault{Garbage: true}, func(o outcome) bool { return o.status == 200 && len(o.body) > 0 && !isJSON(o.body) }},
		"truncate": {azure.Fault{Truncate: true}, func(o outcome) bool {
			return o.status == 200 && errors.Is(o.err, io.ErrUnexpectedEOF) && len(o.body) > 0 && !isJSON(o.body)
		}},
		"close": {azure.Fault{Close: true}, func(o outcome) bool { return errors.Is(o.err, io.EOF) }},
		"drip":  {azure.Fault{Drip: azure.Duration(time.Second)}, func(o outcome) bool { return o.status == 200 && isJSON(o.body) && o.took > 10*time.Second }},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			withSecret(t, func(f *fixture, token string) {
				c.fault.Service, c.fault.ID, c.fault.Count = azure.ServiceKeyVault, "it", 1
				_, err := f.InjectFault(f.t.Context(), c.fault)
				check(f.t, err)
				if o := f.try(f.t.Context(), token); !c.want(o) {
					f.t.Errorf("unexpected outcome %+v", o)
				}
				logged, err := f.Requests(f.t.Context(), azure.Filter{Operation: azure.OpGetSecret})
				check(f.t, err)
				if last := logged[len(logged)-1]; last.Fault != "it" {
					f.t.Errorf("logged %+v", last)
				}
				if o := f.try(f.t.Context(), token); o.status != 200 || o.took > time.Second {
					f.t.Errorf("after the only request with the fault: %+v", o)
				}
			})
		})
	}
}

// A hanging request ends when its client gives up or the fault is cleared. It is in the log while
// it hangs.
func TestHang(t *testing.T) {
	withSecret(t, func(f *fixture, token string) {
		id, err := f.InjectFault(f.t.Context(), azure.Fault{Service: azure.ServiceKeyVault, Hang: true})
		check(f.t, err)
		ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
		defer cancel()
		if o := f.try(ctx, token); !errors.Is(o.err, context.DeadlineExceeded) || o.took != time.Minute {
			f.t.Errorf("client timeout: %+v", o)
		}
		done := make(chan outcome)
		go func() { done <- f.try(f.t.Context(), token) }()
		_, err = f.Await(f.t.Context(), azure.Filter{Operation: azure.OpGetSecret}, 2)
		check(f.t, err)
		check(f.t, f.ClearFaults(f.t.Context(), id))
		if o := <-done; !errors.Is(o.err, io.EOF) {
			f.t.Errorf("fault cleared: %+v", o)
		}
	})
}

// A fault applies only to the requests that it selects.
func TestFaultMatching(t *testing.T) {
	elsewhere := map[string]azure.Fault{
		"service":   {Service: azure.ServiceEntra},
		"operation": {Operation: azure.OpListVersions},
		"host":      {Host: "other.vault.azure.net"},
		"path":      {PathPrefix: "/secrets/other"},
	}
	here := azure.Fault{Service: azure.ServiceKeyVault, Operation: azure.OpGetSecret, Host: strings.ToUpper(vaultHost), PathPrefix: "/secrets/s", SkipChallenges: true, Status: 500}
	withSecret(t, func(f *fixture, token string) {
		for name, fault := range elsewhere {
			fault.Status = 500
			_, err := f.InjectFault(f.t.Context(), fault)
			check(f.t, err)
			if o := f.try(f.t.Context(), token); o.status != 200 {
				f.t.Errorf("a fault of another %s was applied: %+v", name, o)
			}
		}
		_, err := f.InjectFault(f.t.Context(), here)
		check(f.t, err)
		if o := f.try(f.t.Context(), token); o.status != 500 {
			f.t.Errorf("the fault was not applied: %+v", o)
		}
		if resp := f.getRaw(f.t, secretURL, ""); resp.StatusCode != http.StatusUnauthorized {
			f.t.Errorf("the fault was applied to a challenge: %s", resp.Status)
		}
		check(f.t, f.ClearFaults(f.t.Context()))
		if o := f.try(f.t.Context(), token); o.status != 200 {
			f.t.Errorf("after clearing all: %+v", o)
		}
	})
}

// A fault can make Entra ID's token endpoint fail with any of its errors.
func TestEntraFault(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		fault  azure.Fault
		status int
		code   int
		oauth  string
		text   string
	}{
		{azure.Fault{Error: "700213"}, 401, 700213, "invalid_client", "assertion subject ''"},
		{azure.Fault{Status: 429}, 429, 90055, "temporarily_unavailable", "throttled"},
		{azure.Fault{Status: 503}, 503, 90033, "temporarily_unavailable", "transient"},
	} {
		c.fault.Service, c.fault.Operation = azure.ServiceEntra, azure.OpToken
		id, err := f.InjectFault(t.Context(), c.fault)
		check(t, err)
		expectEntraFailure(t, f.post(t, tenant, nil), c.status, c.code, c.oauth, c.text)
		check(t, f.ClearFaults(t.Context(), id))
	}
}

// A host that is cut off is unreachable, also on established connections. Other hosts still work.
func TestCutOff(t *testing.T) {
	f := newFixture(t)
	_, err := f.CreateSecret(t.Context(), azure.Secret{Vault: vaultHost, Name: "s", Value: "v"})
	check(t, err)
	client := f.Client()
	t.Cleanup(client.CloseIdleConnections)
	get := func() error {
		resp, err := client.Get(secretURL)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		return errors.Join(err, resp.Body.Close())
	}
	check(t, get())
	check(t, f.CutOff(t.Context(), vaultHost, true))
	if err := get(); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("established connection, then a new one: %v", err)
	}
	// A client that knows the address, as with a hosts file, cannot complete a handshake.
	conn, err := net.Dial("tcp", f.Addr().String())
	check(t, err)
	defer func() { _ = conn.Close() }()
	direct := http.Client{Transport: &http.Transport{
		DialContext:     func(context.Context, string, string) (net.Conn, error) { return conn, nil },
		TLSClientConfig: f.TLSClientConfig(),
	}}
	if _, err := direct.Get(secretURL); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("direct connection: %v", err)
	}
	if _, err := f.credential(clientID).GetToken(t.Context(), policyScope()); err != nil {
		t.Errorf("Entra ID: %v", err)
	}
	check(t, f.CutOff(t.Context(), vaultHost, false))
	check(t, get())
}

func policyScope() policy.TokenRequestOptions {
	return policy.TokenRequestOptions{Scopes: []string{vaultScope}}
}
