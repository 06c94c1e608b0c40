package keyvault_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/azhttp"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/credential"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/keyvault"
)

var update = flag.Bool("update", false, "write the golden files")

// failures are all ways in which Get can fail, with the type of the error. The texts are in
// testdata/errors.golden.
var failures = map[string]struct {
	fault *azure.Fault
	ref   keyvault.Ref
	is    func(error) bool
}{
	"no such secret": {ref: ref("missing"), is: as[*keyvault.NotFoundError]},
	"no such version": {
		ref: keyvault.Ref{VaultURL: vaultURL, Name: "web", Version: "00000000000000000000000000000000"},
		is:  as[*keyvault.NotFoundError],
	},
	"disabled":                   {ref: ref("disabled"), is: as[*keyvault.DisabledError]},
	"no role":                    {ref: keyvault.Ref{VaultURL: "https://" + noRole, Name: "web"}, is: as[*keyvault.ForbiddenError]},
	"no access policy":           {fault: &azure.Fault{Service: azure.ServiceKeyVault, Error: "ForbiddenByPolicy", SkipChallenges: true}, is: as[*keyvault.ForbiddenError]},
	"access denied":              {fault: &azure.Fault{Service: azure.ServiceKeyVault, Error: "AccessDenied", SkipChallenges: true}, is: as[*keyvault.ForbiddenError]},
	"firewall":                   {fault: &azure.Fault{Service: azure.ServiceKeyVault, Error: "ForbiddenByFirewall", SkipChallenges: true}, is: as[*keyvault.ForbiddenError]},
	"firewall, public address":   {fault: body(403, "Forbidden", "ForbiddenByFirewall", "Client address is not authorized and caller is not a trusted service.\\r\\nClient address: 203.0.113.9\\r\\nCaller: appid=x;oid=y\\r\\nVault: v;location=westeurope"), is: as[*keyvault.ForbiddenError]},
	"firewall, private address":  {fault: body(403, "Forbidden", "ForbiddenByFirewall", "Client address: 10.1.2.3\\r\\nCaller: appid=x"), is: as[*keyvault.ForbiddenError]},
	"firewall, no address":       {fault: body(403, "Forbidden", "ForbiddenByFirewall", "Client address is not authorized."), is: as[*keyvault.ForbiddenError]},
	"no public access":           {fault: body(403, "Forbidden", "ForbiddenByConnection", "Public network access is disabled and request is not from a trusted service nor via an approved private link.\\r\\nCaller: appid=x"), is: as[*keyvault.ForbiddenError]},
	"perimeter":                  {fault: body(403, "Forbidden", "ForbiddenByNsp", "The request was forbidden by NSP policy."), is: as[*keyvault.ForbiddenError]},
	"forbidden, unknown code":    {fault: body(403, "Forbidden", "ForbiddenByMoon", "The moon is full.\\r\\nWait. eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln"), is: as[*keyvault.ForbiddenError]},
	"bad parameter":              {fault: &azure.Fault{Service: azure.ServiceKeyVault, Error: "BadParameter", SkipChallenges: true}, is: permanent[*keyvault.RejectedError]},
	"bad version of the API":     {fault: &azure.Fault{Service: azure.ServiceKeyVault, Error: "BadApiVersion", SkipChallenges: true}, is: permanent[*keyvault.RejectedError]},
	"conflict":                   {fault: body(409, "Conflict", "ObjectIsBeingRecovered", "Secret web is currently being recovered."), is: as[*keyvault.RejectedError]},
	"another program's 400":      {fault: &azure.Fault{Host: vaultHost, Status: 400, Body: "<html>bad request</html>", BodyType: "text/html", SkipChallenges: true}, is: as[*keyvault.UnexpectedResponseError]},
	"issuer refused":             {fault: &azure.Fault{Service: azure.ServiceKeyVault, Error: "BadIssuer", SkipChallenges: true}, is: as[*keyvault.RefusedTokenError]},
	"several issuers expected":   {fault: body(401, "Unauthorized", "", "AKV10032: Invalid issuer. Expected one of https://sts.windows.net/99999999-2222-3333-4444-555555555555/, https://sts.windows.net/f8cdef31-a31e-4b4a-93e4-5f571e91255a/, found https://sts.windows.net/11111111-2222-3333-4444-555555555555/."), is: as[*keyvault.RefusedTokenError]},
	"audience refused":           {fault: body(401, "Unauthorized", "", "AKV10022: Invalid audience. Expected https://vault.azure.net, found: https://management.azure.com."), is: as[*keyvault.RefusedTokenError]},
	"throttled, 7 seconds":       {fault: &azure.Fault{Host: vaultHost, Status: 429, RetryAfter: "7"}, is: waits(7 * time.Second)},
	"throttled, date":            {fault: &azure.Fault{Host: vaultHost, Status: 429, RetryAfter: "Sun, 01 Mar 2026 12:00:05 GMT", Header: map[string]string{"Date": "Sun, 01 Mar 2026 12:00:00 GMT"}}, is: waits(5 * time.Second)},
	"throttled, 250 ms":          {fault: &azure.Fault{Host: vaultHost, Status: 429, Header: map[string]string{"retry-after-ms": "250"}}, is: waits(250 * time.Millisecond)},
	"throttled, Azure's 1500 ms": {fault: &azure.Fault{Host: vaultHost, Status: 429, Header: map[string]string{"x-ms-retry-after-ms": "1500"}}, is: waits(1500 * time.Millisecond)},
	"throttled, no time":         {fault: &azure.Fault{Host: vaultHost, Status: 429}, is: waits(0)},
	"throttled by Entra ID":      {fault: &azure.Fault{Service: azure.ServiceEntra, Operation: azure.OpToken, Status: 429, RetryAfter: "3"}, is: waits(3 * time.Second)},
	"unavailable, 2 seconds":     {fault: &azure.Fault{Host: vaultHost, Status: 503, RetryAfter: "2"}, is: waits(2 * time.Second)},
	"internal error":             {fault: &azure.Fault{Host: vaultHost, Status: 500}, is: as[*keyvault.UnexpectedResponseError]},
	"garbage":                    {fault: &azure.Fault{Host: vaultHost, Garbage: true, SkipChallenges: true}, is: as[*keyvault.UnexpectedResponseError]},
	"another program's 200":      {fault: &azure.Fault{Host: vaultHost, Status: 200, Body: `{"hello":"world"}`, SkipChallenges: true}, is: as[*keyvault.UnexpectedResponseError]},
	"another program's 404":      {fault: &azure.Fault{Host: vaultHost, Status: 404, Body: "<html>no such page</html>", BodyType: "text/html"}, is: as[*keyvault.UnexpectedResponseError]},
	"another program's 403":      {fault: &azure.Fault{Host: vaultHost, Status: 403, Body: "<html>blocked</html>", BodyType: "text/html", SkipChallenges: true}, is: as[*keyvault.UnexpectedResponseError]},
	"redirect":                   {fault: &azure.Fault{Host: vaultHost, Status: 302, Body: "elsewhere", Header: map[string]string{"Location": "https://norole.vault.azure.net/"}}, is: as[*keyvault.UnexpectedResponseError]},
	"401 without a challenge":    {fault: &azure.Fault{Host: vaultHost, Status: 401, Body: "{}", Header: challenge("")}, is: as[*keyvault.UnexpectedResponseError]},
	"challenge without a tenant": {fault: &azure.Fault{Host: vaultHost, Status: 401, Header: challenge(`Bearer authorization="https://login.microsoftonline.com", resource="https://vault.azure.net"`)}, is: as[*keyvault.ChallengeError]},
	"another program's 401":      {fault: &azure.Fault{Host: vaultHost, Status: 401, Header: challenge(`Basic realm="proxy"`)}, is: as[*keyvault.ChallengeError]},
	"foreign resource":           {fault: &azure.Fault{Host: vaultHost, Status: 401, Header: challenge(`Bearer authorization="https://login.microsoftonline.com/` + tenant + `", resource="https://vault.evil.example"`)}, is: as[*keyvault.ChallengeError]},
	"token refused":              {fault: &azure.Fault{Service: azure.ServiceKeyVault, Error: "TokenExpired", SkipChallenges: true}, is: as[*keyvault.RefusedTokenError]},
	"endless response":           {fault: &azure.Fault{Host: vaultHost, Status: 200, Body: strings.Repeat("x", 2<<20), SkipChallenges: true}, is: as[*azhttp.UnreachableError]},
	"truncated response":         {fault: &azure.Fault{Host: vaultHost, Truncate: true, SkipChallenges: true}, is: as[*azhttp.UnreachableError]},
	"closed":                     {fault: &azure.Fault{Host: vaultHost, Close: true}, is: as[*azhttp.UnreachableError]},
	"no response":                {fault: &azure.Fault{Host: vaultHost, Hang: true}, is: as[*azhttp.UnreachableError]},
	"very slow response":         {fault: &azure.Fault{Host: vaultHost, Drip: azure.Duration(time.Second), SkipChallenges: true}, is: as[*azhttp.UnreachableError]},
	"no response of Entra ID":    {fault: &azure.Fault{Service: azure.ServiceEntra, Hang: true}, is: as[*azhttp.UnreachableError]},
	"Entra ID refuses":           {fault: &azure.Fault{Service: azure.ServiceEntra, Operation: azure.OpToken, Error: "700016"}, is: as[*credential.EntraError]},
	"another cloud's vault":      {ref: keyvault.Ref{VaultURL: "https://" + chinaHost, Name: "web"}, is: as[*credential.EntraError]},
	"no such vault":              {ref: keyvault.Ref{VaultURL: "https://nosuchvault.vault.azure.net", Name: "web"}, is: as[*azhttp.UnreachableError]},
	"another tenant's vault":     {ref: keyvault.Ref{VaultURL: "https://" + otherHost, Name: "web"}, is: as[*credential.TenantError]},
}

// body is an error of Key Vault. The emulator sends it after the challenge.
func body(status int, outer, inner, message string) *azure.Fault {
	return &azure.Fault{Host: vaultHost, Status: status, SkipChallenges: true,
		Body: fmt.Sprintf(`{"error":{"code":%q,"message":"%s","innererror":{"code":%q}}}`, outer, message, inner)}
}

func permanent[T interface {
	error
	Permanent() bool
}](err error) bool {
	e, ok := errors.AsType[T](err)
	return ok && e.Permanent()
}

func challenge(header string) map[string]string { return map[string]string{"WWW-Authenticate": header} }

func as[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

func waits(want time.Duration) func(error) bool {
	return func(err error) bool {
		e, ok := errors.AsType[*azhttp.ThrottledError](err)
		return ok && e.RetryAfter() == want
	}
}

func TestFailures(t *testing.T) {
	var texts strings.Builder
	inBubble(t, func(t *testing.T, f *fixture) {
		f.certificate(t, "web")
		_, err := f.CreateCertificate(t.Context(), azure.Certificate{Vault: vaultHost, Name: "disabled", Disabled: true})
		check(t, err)
		_, err = f.CreateCertificate(t.Context(), azure.Certificate{Vault: noRole, Name: "web"})
		check(t, err)
		for _, name := range slices.Sorted(maps.Keys(failures)) {
			c := failures[name]
			if c.ref == (keyvault.Ref{}) {
				c.ref = ref("web")
			}
			if c.fault != nil {
				_, err := f.InjectFault(t.Context(), *c.fault)
				check(t, err)
			}
			f.renewClient()
			began := time.Now()
			_, err := f.Get(t.Context(), c.ref)
			if !c.is(err) {
				t.Errorf("%s: unexpected error %T %v", name, err, err)
			}
			if took := time.Since(began); took > time.Minute {
				t.Errorf("%s: took %s", name, took)
			}
			fmt.Fprintf(&texts, "%s:\n    %v\n", name, err)
			check(t, f.ClearFaults(t.Context()))
		}
	})
	golden(t, "testdata/errors.golden", traceID.ReplaceAllString(texts.String(), "trace ID ..."))
}

var traceID = regexp.MustCompile(`trace ID [0-9a-f-]+`)

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

// A Get that its caller cancels fails with the context's error, since it is not a failure of the
// vault.
func TestCanceled(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		_, err := f.InjectFault(t.Context(), azure.Fault{Hang: true})
		check(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for i, err := range f.getAll(ctx, []keyvault.Ref{ref("a"), ref("b")}) {
			if !errors.Is(err, context.DeadlineExceeded) || as[*azhttp.UnreachableError](err) {
				t.Errorf("Get %d: %T %v", i, err, err)
			}
		}
		check(t, f.ClearFaults(t.Context()))
	})
}
