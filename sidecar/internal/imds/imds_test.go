package imds_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"flag"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure/sandbox"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/azhttp"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/credential"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/imds"
)

var update = flag.Bool("update", false, "write the golden files")

const (
	tenant        = "11111111-2222-3333-4444-555555555555"
	clientID      = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
	otherClientID = "aaaaaaaa-bbbb-cccc-dddd-ffffffffffff"
	strangerID    = "99999999-bbbb-cccc-dddd-ffffffffffff"
	issuerURL     = "https://cluster.example"
	subject       = "system:serviceaccount:shop:web"
	header        = "9f2c0e1d-5a8e-4d0e-8f5d-0e5c8a8f7d11"
)

// TestMain runs all tests in a network namespace that has only the loopback interface, so that the
// metadata service's address can be added to it.
func TestMain(m *testing.M) {
	sandbox.Enter(nil)
	os.Exit(m.Run())
}

// fixture is an emulated Entra ID and the endpoint of a pod that has two identities in it.
type fixture struct {
	*azure.Emulator
	endpoint *imds.Endpoint
	log      *lockedBuffer
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	issuer, err := azure.NewTokenIssuer(issuerURL)
	check(t, err)
	config := azure.Config{Issuers: []azure.Issuer{issuer.Config()}}
	for _, id := range []string{clientID, otherClientID} {
		config.Applications = append(config.Applications, azure.Application{ClientID: id, Tenant: tenant,
			FederatedCredentials: []azure.FederatedCredential{{Issuer: issuerURL, Subject: subject}}})
	}
	e, err := azure.New(azure.Options{Config: config})
	check(t, err)
	_, err = e.Start()
	check(t, err)
	transport, err := azhttp.New(azhttp.Options{ExtraCA: e.CACertPEM(), DialContext: e.DialContext})
	check(t, err)
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		check(t, e.Close())
	})
	assertion, err := issuer.Sign(azure.Assertion{Subject: subject})
	check(t, err)
	file := filepath.Join(t.TempDir(), "token")
	check(t, os.WriteFile(file, []byte(assertion), 0o600))
	log := &lockedBuffer{}
	return &fixture{Emulator: e, log: log, endpoint: imds.New(imds.Config{
		ClientID: clientID, Header: header,
		Credential: func(id string) (azcore.TokenCredential, error) {
			return credential.NewWorkloadIdentity(credential.Identity{ClientID: id, TenantID: tenant},
				credential.Federation{TokenFile: file}, transport.Options(azhttp.ServiceEntra, nil))
		},
		Log: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lockedBuffer is a bytes.Buffer that is safe for concurrent use.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// serve serves the endpoint on an address and returns the address.
func (f *fixture) serve(t *testing.T, address string) string {
	t.Helper()
	l, err := net.Listen("tcp", address)
	check(t, err)
	server := &http.Server{Handler: f.endpoint}
	go func() { _ = server.Serve(l) }() // until Close
	t.Cleanup(func() { check(t, server.Close()) })
	return l.Addr().String()
}

// claims are those of an access token that are compared.
type claims struct {
	Audience string `json:"aud"`
	AppID    string `json:"appid"`
}

func parseClaims(t *testing.T, token string) (c claims) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("not a token: %q", token)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	check(t, err)
	check(t, json.Unmarshal(payload, &c))
	return c
}

// managedIdentity requests a token as an app does.
func managedIdentity(t *testing.T, id azidentity.ManagedIDKind, resource string) (string, error) {
	t.Helper()
	c, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{
		ID: id, ClientOptions: azcore.ClientOptions{Retry: policy.RetryOptions{MaxRetries: -1}},
	})
	check(t, err)
	token, err := c.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{resource + "/.default"}})
	return token.Token, err
}

// An app that uses managed identity, with the SDK's default address of the metadata service, gets
// tokens of the pod's identity, and of another identity that trusts the service account.
func TestMetadataService(t *testing.T) {
	f := newFixture(t)
	address := netip.MustParseAddr(contract.MetadataAddress)
	for range 2 { // the second call finds the address
		check(t, imds.AddAddress(address))
	}
	f.serve(t, netip.AddrPortFrom(address, contract.MetadataPort).String())
	f.checkTokens(t, "https://vault.azure.net")
}

// The same works with the variables of App Service, on any port.
func TestAppService(t *testing.T) {
	f := newFixture(t)
	t.Setenv(contract.EnvIdentityEndpoint, "http://"+f.serve(t, "127.0.0.1:0")+contract.PathAppServiceToken)
	t.Setenv(contract.EnvIdentityHeader, header)
	f.checkTokens(t, "https://storage.azure.com")
	t.Setenv(contract.EnvIdentityHeader, "guessed")
	if _, err := managedIdentity(t, nil, "https://graph.microsoft.com"); err == nil || !strings.Contains(err.Error(), "X-IDENTITY-HEADER") {
		t.Errorf("with another header: %v", err)
	}
}

// checkTokens checks the tokens that apps get with azidentity. azidentity caches tokens by resource
// for the whole process, so each test needs another resource.
func (f *fixture) checkTokens(t *testing.T, resource string) {
	t.Helper()
	for _, test := range []struct {
		id       azidentity.ManagedIDKind
		resource string
		want     claims
	}{
		{nil, resource, claims{resource, clientID}},
		{azidentity.ClientID(clientID), resource + "/", claims{resource + "/", clientID}},
		{azidentity.ClientID(otherClientID), resource, claims{resource, otherClientID}},
	} {
		token, err := managedIdentity(t, test.id, test.resource)
		check(t, err)
		if got := parseClaims(t, token); got != test.want {
			t.Errorf("%v for %s: got a token with the claims %+v", test.id, test.resource, got)
		}
	}
	for _, id := range []azidentity.ManagedIDKind{
		azidentity.ClientID(strangerID), azidentity.ObjectID(clientID), azidentity.ResourceID("/subscriptions/1/resourceGroups/2"),
	} {
		if _, err := managedIdentity(t, id, resource); err == nil {
			t.Errorf("%T %s got a token", id, id)
		}
	}
	if text := f.log.String(); strings.Contains(text, "eyJ") || !strings.Contains(text, "token issued") || !strings.Contains(text, "AADSTS700016") {
		t.Errorf("the log must report issued tokens and failures, and contain no token:\n%s", text)
	}
}

// Tokens are cached: Entra ID gets one request for each identity and resource, for any number of
// requests of apps.
func TestOneRequestToEntra(t *testing.T) {
	f := newFixture(t)
	address := f.serve(t, "127.0.0.1:0")
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			status, _, body := get(t, address, "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net")
			if status != http.StatusOK {
				t.Errorf("status %d: %s", status, body)
			}
		})
	}
	wait.Wait()
	got, err := f.Counts(t.Context(), azure.Filter{})
	check(t, err)
	if diff := cmp.Diff(azure.Counts{Requests: 2, Tokens: 1, OpenIDDiscovery: 1}, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// get sends a request with the metadata service's header.
func get(t *testing.T, address, target string) (status int, h http.Header, body map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, "http://"+address+target, nil)
	if err != nil {
		t.Error(err)
		return 0, nil, nil
	}
	r.Header.Set("Metadata", "true")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Error(err)
		return 0, nil, nil
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		t.Error(err)
	}
	return resp.StatusCode, resp.Header, body
}
