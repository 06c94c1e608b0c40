package credential_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/azhttp"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/credential"
)

var update = flag.Bool("update", false, "write the golden files")

const (
	tenant    = "11111111-2222-3333-4444-555555555555"
	clientID  = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
	issuerURL = "https://cluster.example"
	subject   = "system:serviceaccount:shop:web"
	scope     = "https://vault.azure.net/.default"
)

// fixture is an emulated Entra ID and a pod with a service-account token.
type fixture struct {
	*azure.Emulator
	issuer     *azure.TokenIssuer
	transport  *azhttp.Client
	identity   credential.Identity
	federation credential.Federation
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	issuer, err := azure.NewTokenIssuer(issuerURL)
	check(t, err)
	e, err := azure.New(azure.Options{Config: azure.Config{
		Issuers: []azure.Issuer{issuer.Config()},
		Applications: []azure.Application{{ClientID: clientID, Tenant: tenant, FederatedCredentials: []azure.FederatedCredential{
			{Issuer: issuerURL, Subject: subject},
		}}},
	}})
	check(t, err)
	_, err = e.Start()
	check(t, err)
	transport, err := azhttp.New(azhttp.Options{ExtraCA: e.CACertPEM(), DialContext: e.DialContext})
	check(t, err)
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		check(t, e.Close())
	})
	return &fixture{
		Emulator: e, issuer: issuer, transport: transport,
		identity:   credential.Identity{ClientID: clientID, TenantID: tenant},
		federation: credential.Federation{TokenFile: filepath.Join(t.TempDir(), "token")},
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// present writes the service-account token.
func (f *fixture) present(t *testing.T, a azure.Assertion) {
	t.Helper()
	token, err := f.issuer.Sign(a)
	check(t, err)
	check(t, os.WriteFile(f.federation.TokenFile, []byte(token), 0o600))
}

func (f *fixture) get(ctx context.Context, o policy.TokenRequestOptions) error {
	c, err := credential.NewWorkloadIdentity(f.identity, f.federation, f.transport.Options(azhttp.ServiceEntra, nil))
	if err != nil {
		return err
	}
	if o.Scopes == nil {
		o.Scopes = []string{scope}
	}
	_, err = c.GetToken(ctx, o)
	return err
}

// Many callers at once cause one token request, and later ones none.
func TestOneTokenForAll(t *testing.T) {
	f := newFixture(t)
	f.present(t, azure.Assertion{Subject: subject})
	c, err := credential.NewWorkloadIdentity(f.identity, f.federation, f.transport.Options(azhttp.ServiceEntra, nil))
	check(t, err)
	o := policy.TokenRequestOptions{Scopes: []string{scope}, EnableCAE: true}
	for range 2 {
		var wait sync.WaitGroup
		for range 20 {
			wait.Go(func() {
				token, err := c.GetToken(t.Context(), o)
				if err != nil || token.Token == "" {
					t.Errorf("no token: %v", err)
				}
			})
		}
		wait.Wait()
	}
	o.TenantID = strings.ToUpper(tenant) // as a vault's challenge may spell it
	_, err = c.GetToken(t.Context(), o)
	check(t, err)
	got, err := f.Counts(t.Context(), azure.Filter{})
	check(t, err)
	if diff := cmp.Diff(azure.Counts{Requests: 2, Tokens: 1, OpenIDDiscovery: 1}, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// A caller that gives up does not take the token from the others that wait for it.
func TestGivenUp(t *testing.T) {
	f := newFixture(t)
	f.present(t, azure.Assertion{Subject: subject})
	c, err := credential.NewWorkloadIdentity(f.identity, f.federation, f.transport.Options(azhttp.ServiceEntra, nil))
	check(t, err)
	id, err := f.InjectFault(t.Context(), azure.Fault{Operation: azure.OpToken, Hang: true})
	check(t, err)
	o := policy.TokenRequestOptions{Scopes: []string{scope}}
	impatient, giveUp := context.WithCancel(t.Context())
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { _, err := c.GetToken(impatient, o); first <- err }()
	_, err = f.Await(t.Context(), azure.Filter{Operation: azure.OpOpenIDDiscovery}, 1)
	check(t, err)
	go func() { _, err := c.GetToken(t.Context(), o); second <- err }()
	giveUp()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the caller that gave up got %v", err)
	}
	check(t, f.ClearFaults(t.Context(), id)) // the request that hung is dropped; a second one may be needed
	if err := <-second; err != nil {
		_, err = c.GetToken(t.Context(), o)
		check(t, err)
	}
}

// failures are all ways in which a token request fails. What people read is in testdata/errors.golden.
var failures = map[string]struct {
	assertion azure.Assertion
	prepare   func(t *testing.T, f *fixture)
	fault     *azure.Fault
	options   policy.TokenRequestOptions
	is        func(error) bool
	permanent bool
}{
	"issuer":         {assertion: azure.Assertion{Issuer: issuerURL + "/"}, is: entra(700211)},
	"audience":       {assertion: azure.Assertion{Audience: "api://Other"}, is: entra(700212)},
	"subject":        {assertion: azure.Assertion{Subject: "system:serviceaccount:shop:other"}, is: entra(700213)},
	"subject's case": {assertion: azure.Assertion{Subject: "system:serviceaccount:shop:Web"}, is: entra(7002138)},
	"expired": {
		assertion: azure.Assertion{IssuedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Expiry: time.Date(2026, 1, 1, 1, 0, 0, 0, time.UTC)},
		is:        entra(700024),
	},
	"unknown application": {
		prepare: func(_ *testing.T, f *fixture) { f.identity.ClientID = "ffffffff-0000-0000-0000-000000000000" },
		is:      entra(700016),
	},
	"issuer not reachable": {fault: &azure.Fault{Error: "90061"}, is: entra(90061)},
	"unknown code":         {fault: &azure.Fault{Error: "700027"}, is: entra(700027)},
	"a token in the answer": {
		fault: &azure.Fault{Status: 400, Body: `{"error":"invalid_request","error_description":"AADSTS50027: bad eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln here\r\nTrace ID: 1"}`},
		is:    entra(50027),
	},
	"throttled": {fault: &azure.Fault{Status: 429, RetryAfter: "7"}, is: func(err error) bool {
		e, ok := errors.AsType[*azhttp.ThrottledError](err)
		return ok && e.RetryAfter() == 7*time.Second
	}},
	"server error":    {fault: &azure.Fault{Status: 500, Body: "sorry"}, is: as[*credential.UnreadableError]},
	"garbage":         {fault: &azure.Fault{Garbage: true}, is: as[*credential.UnreadableError]},
	"cut off":         {fault: &azure.Fault{Truncate: true}, is: as[*azhttp.UnreachableError]},
	"closed":          {fault: &azure.Fault{Close: true}, is: as[*azhttp.UnreachableError]},
	"another tenant":  {options: policy.TokenRequestOptions{TenantID: "99999999-2222-3333-4444-555555555555"}, is: as[*credential.TenantError], permanent: true},
	"no client ID":    {prepare: func(_ *testing.T, f *fixture) { f.identity.ClientID = "" }, is: as[*credential.ConfigError], permanent: true},
	"no tenant ID":    {prepare: func(_ *testing.T, f *fixture) { f.identity.TenantID = "" }, is: as[*credential.ConfigError], permanent: true},
	"no token file":   {prepare: func(_ *testing.T, f *fixture) { f.federation.TokenFile = "" }, is: as[*credential.ConfigError], permanent: true},
	"http authority":  {prepare: func(_ *testing.T, f *fixture) { f.federation.AuthorityHost = "http://login.example" }, is: as[*credential.ConfigError], permanent: true},
	"file is missing": {prepare: func(_ *testing.T, f *fixture) { f.federation.TokenFile = "/nonexistent/token" }, is: as[*credential.TokenFileError]},
	"no such authority": {
		prepare: func(_ *testing.T, f *fixture) { f.federation.AuthorityHost = "https://login.example/" },
		is:      as[*azhttp.UnreachableError],
	},
}

func as[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

func entra(code int) func(error) bool {
	return func(err error) bool {
		e, ok := errors.AsType[*credential.EntraError](err)
		return ok && e.Code == code
	}
}

var traceID = regexp.MustCompile(`trace ID [0-9a-f-]{36}`)

func TestFailures(t *testing.T) {
	f := newFixture(t)
	var texts strings.Builder
	for _, name := range slices.Sorted(maps.Keys(failures)) {
		c, pod := failures[name], *f
		if c.assertion.Subject == "" {
			c.assertion.Subject = subject
		}
		pod.present(t, c.assertion)
		if c.prepare != nil {
			c.prepare(t, &pod)
		}
		if c.fault != nil {
			c.fault.Service, c.fault.Operation = azure.ServiceEntra, azure.OpToken
			_, err := f.InjectFault(t.Context(), *c.fault)
			check(t, err)
		}
		err := pod.get(t.Context(), c.options)
		if !c.is(err) {
			t.Errorf("%s: unexpected error %T %v", name, err, err)
		}
		p, ok := errors.AsType[interface {
			error
			Permanent() bool
		}](err)
		if permanent := ok && p.Permanent(); permanent != c.permanent {
			t.Errorf("%s: permanent is %t, want %t", name, permanent, c.permanent)
		}
		if err != nil && strings.Contains(err.Error(), "eyJ") {
			t.Errorf("%s: there is a token in %q", name, err)
		}
		fmt.Fprintf(&texts, "%s:\n    %v\n", name, err)
		check(t, f.ClearFaults(t.Context()))
	}
	golden(t, "testdata/errors.golden", traceID.ReplaceAllString(texts.String(), "trace ID ..."))
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		check(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	check(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
