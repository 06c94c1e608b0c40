package credential_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/azhttp"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/credential"
)

// arcEndpoint is that of Azure Arc's agent.
const arcEndpoint = "http://localhost:40342/metadata/identity"

// machine returns the credential of a machine whose metadata service is the handler.
func machine(t *testing.T, clientID string, service http.Handler) *credential.Credential {
	t.Helper()
	return machineWith(t, contract.DefaultMSIEndpoint, clientID, service)
}

// machineWith is like machine, with a service at an endpoint.
func machineWith(t *testing.T, endpoint, clientID string, service http.Handler) *credential.Credential {
	t.Helper()
	server := httptest.NewServer(service)
	t.Cleanup(server.Close)
	check(t, credential.SelectEndpoint(endpoint))
	t.Cleanup(func() { check(t, credential.SelectEndpoint(contract.DefaultMSIEndpoint)) })
	host := "169.254.169.254:80"
	if endpoint == arcEndpoint {
		host = "localhost:40342"
	}
	transport, err := azhttp.New(azhttp.Options{Direct: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if address != host {
			return nil, fmt.Errorf("%s is not the metadata service", address)
		}
		return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
	}})
	check(t, err)
	t.Cleanup(transport.CloseIdleConnections)
	c, err := credential.NewManagedIdentity(clientID, contract.Pod, transport.Options(azhttp.ServiceMetadata, nil))
	check(t, err)
	return c
}

// resources counts the requested resources. Each test needs a new one, since azidentity has one
// token cache for all managed identities of a process.
var resources int

func newResource() string {
	resources++
	return fmt.Sprintf("https://resource%d.example", resources)
}

// The request is the documented one. Without a client ID, the request has none: the service then
// uses the machine's identity.
func TestManagedIdentity(t *testing.T) {
	for _, id := range []string{"", clientID} {
		var requests []string
		resource := newResource()
		c := machine(t, id, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			requests = append(requests, r.Method+" "+r.URL.Path+" "+r.Header.Get("Metadata")+" "+r.URL.Query().Encode())
			fmt.Fprintf(w, `{"access_token":"secret","client_id":"x","expires_in":"3599","expires_on":"%d","ext_expires_in":"3599","not_before":"1",`+
				`"resource":%q,"token_type":"Bearer"}`, time.Now().Add(time.Hour).Unix(), resource)
		}))
		for range 2 { // the second token comes from the cache
			token, err := c.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{resource + "/.default"}, TenantID: tenant})
			check(t, err)
			if token.Token != "secret" {
				t.Errorf("token %q", token.Token)
			}
		}
		want := "GET /metadata/identity/oauth2/token true api-version=2018-02-01"
		if id != "" {
			want += "&client_id=" + id
		}
		if want += "&resource=" + url.QueryEscape(resource); !slices.Equal(requests, []string{want}) {
			t.Errorf("requests %q, want %q", requests, want)
		}
	}
}

// managedFailures are all ways in which the metadata service does not return a token. The texts are
// in testdata/managed.golden.
var managedFailures = map[string]struct {
	endpoint   string
	clientID   string
	status     int
	body       string
	retryAfter string
	is         func(error) bool
}{
	"no token of AWS":    {status: 401},
	"wrong resource":     {status: 400, body: `{"error":"invalid_resource","error_description":"AADSTS500011: The resource principal named https://vault.azure.cn was not found"}`},
	"Arc, key required":  {endpoint: arcEndpoint, status: 401},
	"Arc, no identity":   {endpoint: arcEndpoint, status: 400, body: `{"error":"invalid_request","error_description":"no identity"}`},
	"Arc, not found":     {endpoint: arcEndpoint, status: 404},
	"Arc, not connected": {endpoint: arcEndpoint, status: 500, body: `{"error":"server_error","error_description":"disconnected"}`},
	"Arc, not running":   {endpoint: arcEndpoint, status: -1, is: as[*azhttp.UnreachableError]},
	"no identity":        {status: 400, body: `{"error":"invalid_request","error_description":"Identity not found"}`},
	"identity not found": {clientID: clientID, status: 400, body: `{"error":"invalid_request","error_description":"Identity not found"}`},
	"blocked":            {status: 403, body: "<html>no</html>"},
	"updating":           {status: 410, body: `{"error":"gone"}`},
	"not found":          {status: 404},
	"server error":       {status: 500, body: `{"error":"unknown","error_description":"Failed to retrieve token"}`},
	"throttled":          {status: 429, body: `{"error":"too_many"}`, is: waits(0)},
	"throttled, 5 s":     {status: 429, retryAfter: "5", is: waits(5 * time.Second)},
	"unavailable, 2 s":   {status: 503, retryAfter: "2", is: waits(2 * time.Second)},
	"another program":    {status: 200, body: "<html>welcome</html>"},
	"token in response":  {status: 400, body: `{"error":"invalid_request","error_description":"bad eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln"}`},
	"connection closed":  {status: -1, is: as[*azhttp.UnreachableError]},
}

func waits(want time.Duration) func(error) bool {
	return func(err error) bool {
		e, ok := errors.AsType[*azhttp.ThrottledError](err)
		return ok && e.RetryAfter() == want
	}
}

func TestManagedFailures(t *testing.T) {
	var texts strings.Builder
	for _, name := range slices.Sorted(maps.Keys(managedFailures)) {
		f := managedFailures[name]
		c := machineWith(t, cmp.Or(f.endpoint, contract.DefaultMSIEndpoint), f.clientID, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if f.status < 0 {
				panic(http.ErrAbortHandler)
			}
			if f.retryAfter != "" {
				w.Header().Set("Retry-After", f.retryAfter)
			}
			w.WriteHeader(f.status)
			_, _ = w.Write([]byte(f.body))
		}))
		_, err := c.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{newResource() + "/.default"}})
		is := as[*credential.ManagedIdentityError]
		if f.is != nil {
			is = f.is
		}
		if !is(err) {
			t.Errorf("%s: unexpected error %T %v", name, err, err)
		}
		if strings.Contains(cmp.Or(err, errors.New("none")).Error(), "eyJ") {
			t.Errorf("%s: the error contains a token: %q", name, err)
		}
		fmt.Fprintf(&texts, "%s:\n    %v\n", name, err)
	}
	golden(t, "testdata/managed.golden", texts.String())
}
