package credential_test

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/azhttp"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/credential"
)

var update = flag.Bool("update", false, "write the golden files")

// failures are all ways in which a token request can fail. The texts are in testdata/errors.golden.
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
	"issuer not reachable":        {fault: &azure.Fault{Error: "90061"}, is: entra(90061)},
	"no connection to the issuer": {fault: refusal(501661, "Request to External OIDC endpoint failed: a connection timeout occurred."), is: entra(501661)},
	"no credential at all":        {fault: refusal(70025, "The client 'web'(aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee) has no configured federated identity credentials."), is: entra(70025)},
	"unknown key":                 {fault: &azure.Fault{Error: "700027"}, is: entra(700027)},
	"invalid tenant":              {fault: refusal(900023, "Specified tenant identifier 'contoso' is neither a valid DNS name, nor a valid external domain."), is: entra(900023), permanent: true},
	"subscription missing":        {fault: refusal(650052, "The app needs access to a service ('https://vault.azure.net') that your organization has not subscribed to or enabled."), is: entra(650052)},
	"unknown code":                {fault: &azure.Fault{Error: "900144"}, is: entra(900144)},
	"a token in the response": {
		fault: &azure.Fault{Status: 400, Body: `{"error":"invalid_request","error_description":"AADSTS50027: bad eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln here\r\nTrace ID: 1"}`},
		is:    entra(50027),
	},
	"throttled": {fault: &azure.Fault{Status: 429, RetryAfter: "7"}, is: func(err error) bool {
		e, ok := errors.AsType[*azhttp.ThrottledError](err)
		return ok && e.RetryAfter() == 7*time.Second
	}},
	"server error": {fault: &azure.Fault{Status: 500, Body: "sorry"}, is: as[*credential.InvalidResponseError]},
	"garbage":      {fault: &azure.Fault{Garbage: true}, is: as[*credential.InvalidResponseError]},
	"cut off":      {fault: &azure.Fault{Truncate: true}, is: as[*azhttp.UnreachableError]},
	"unknown tenant": {
		prepare:   func(_ *testing.T, f *fixture) { f.identity.TenantID = "ffffffff-0000-0000-0000-000000000000" },
		is:        entra(90002),
		permanent: true,
	},
	"disabled application":  {fault: &azure.Fault{Error: "7000112"}, is: entra(7000112)},
	"conditional access":    {fault: &azure.Fault{Error: "53003"}, is: entra(53003)},
	"no match, former code": {fault: &azure.Fault{Error: "70021"}, is: entra(70021)},
	"blocked by a proxy":    {fault: &azure.Fault{Status: 403, Body: "<html>blocked</html>", BodyType: "text/html"}, is: as[*credential.InvalidResponseError]},
	"a proxy's page":        {fault: &azure.Fault{Operation: azure.OpOpenIDDiscovery, Status: 200, Body: "<html>log in</html>", BodyType: "text/html"}, is: as[*credential.InvalidResponseError]},
	"redirected": {
		fault: &azure.Fault{Operation: azure.OpOpenIDDiscovery, Status: 302, Body: "elsewhere", Header: map[string]string{"Location": "https://evil.example/"}},
		is:    as[*credential.InvalidResponseError],
	},
	"discovery of another issuer": {
		fault: &azure.Fault{Operation: azure.OpOpenIDDiscovery, Status: 200, Body: `{"issuer":"https://evil.example/v2.0","authorization_endpoint":"https://evil.example/a","token_endpoint":"https://evil.example/t"}`},
		is:    as[*credential.InvalidResponseError],
	},
	"discovery throttled": {fault: &azure.Fault{Operation: azure.OpOpenIDDiscovery, Status: 429}, is: as[*azhttp.ThrottledError]},
	"closed":              {fault: &azure.Fault{Close: true}, is: as[*azhttp.UnreachableError]},
	"another tenant, by name": {
		prepare: func(_ *testing.T, f *fixture) { f.identity.TenantID = "contoso.com" },
		options: policy.TokenRequestOptions{TenantID: "99999999-2222-3333-4444-555555555555"}, is: as[*credential.TenantError], permanent: true,
	},
	"another tenant":      {options: policy.TokenRequestOptions{TenantID: "99999999-2222-3333-4444-555555555555"}, is: as[*credential.TenantError], permanent: true},
	"no client ID":        {prepare: func(_ *testing.T, f *fixture) { f.identity.ClientID = "" }, is: as[*credential.ConfigError], permanent: true},
	"no tenant ID":        {prepare: func(_ *testing.T, f *fixture) { f.identity.TenantID = "" }, is: as[*credential.ConfigError], permanent: true},
	"no token file":       {prepare: func(_ *testing.T, f *fixture) { f.federation.TokenFile = "" }, is: as[*credential.ConfigError], permanent: true},
	"http authority":      {prepare: func(_ *testing.T, f *fixture) { f.federation.AuthorityHost = "http://login.example" }, is: as[*credential.ConfigError], permanent: true},
	"file is missing":     {prepare: func(_ *testing.T, f *fixture) { f.federation.TokenFile = "/nonexistent/token" }, is: as[*credential.TokenFileError]},
	"file is empty":       {prepare: tokenFile(func(path string) error { return os.WriteFile(path, nil, 0o600) }), is: as[*credential.TokenFileError]},
	"file is blank":       {prepare: tokenFile(func(path string) error { return os.WriteFile(path, []byte(" \n"), 0o600) }), is: as[*credential.TokenFileError]},
	"file is long":        {prepare: tokenFile(func(path string) error { return os.WriteFile(path, make([]byte, 64<<10+1), 0o600) }), is: as[*credential.TokenFileError]},
	"file is a FIFO":      {prepare: tokenFile(func(path string) error { return syscall.Mkfifo(path, 0o600) }), is: as[*credential.TokenFileError]},
	"file is a directory": {prepare: tokenFile(func(path string) error { return os.Mkdir(path, 0o700) }), is: as[*credential.TokenFileError]},
	"no such authority": {
		prepare: func(_ *testing.T, f *fixture) { f.federation.AuthorityHost = "https://login.example/" },
		is:      as[*azhttp.UnreachableError],
	},
}

// refusal is a response of Entra ID with a code that the emulator does not have.
func refusal(code int, text string) *azure.Fault {
	return &azure.Fault{Status: 400, Body: fmt.Sprintf(
		`{"error":"invalid_request","error_description":"AADSTS%d: %s Trace ID: 1 Timestamp: 2026-01-01 00:00:00Z","error_codes":[%d]}`, code, text, code)}
}

// tokenFile creates what is in the place of the token file.
func tokenFile(create func(path string) error) func(*testing.T, *fixture) {
	return func(t *testing.T, f *fixture) {
		f.federation.TokenFile = filepath.Join(t.TempDir(), "token")
		check(t, create(f.federation.TokenFile))
	}
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

var (
	traceID = regexp.MustCompile(`trace ID [0-9a-f-]{36}`)
	tempDir = regexp.MustCompile(`/\S*/TestFailures\d+/\d+/`)
)

func TestFailures(t *testing.T) {
	f := newFixture(t)
	var texts strings.Builder
	for _, name := range slices.Sorted(maps.Keys(failures)) {
		c, pod := failures[name], *f
		if c.assertion.Subject == "" {
			c.assertion.Subject = subject
		}
		pod.writeToken(t, c.assertion)
		if c.prepare != nil {
			c.prepare(t, &pod)
		}
		if c.fault != nil {
			c.fault.Service, c.fault.Operation = azure.ServiceEntra, cmp.Or(c.fault.Operation, azure.OpToken)
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
	golden(t, "testdata/errors.golden", tempDir.ReplaceAllString(traceID.ReplaceAllString(texts.String(), "trace ID ..."), "/dir/"))
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		check(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	check(t, err)
	if diff := gocmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
