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

// TestMain runs everything in a network with nothing but loopback, of which the metadata service's address can be a part.
func TestMain(m *testing.M) {
	sandbox.Enter(nil)
	os.Exit(m.Run())
}

// fixture is an emulated Entra ID, and the endpoint of a pod whose two identities it knows.
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

// lockedBuffer is a bytes.Buffer for several goroutines.
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

// serve answers on an address and returns it.
func (f *fixture) serve(t *testing.T, address string) string {
	t.Helper()
	l, err := net.Listen("tcp", address)
	check(t, err)
	server := &http.Server{Handler: f.endpoint}
	go func() { _ = server.Serve(l) }() // until it is closed
	t.Cleanup(func() { check(t, server.Close()) })
	return l.Addr().String()
}

// claims are what an access token says of whom it is for.
type claims struct {
	Audience string `json:"aud"`
	AppID    string `json:"appid"`
}

func read(t *testing.T, token string) (c claims) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("no token: %q", token)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	check(t, err)
	check(t, json.Unmarshal(payload, &c))
	return c
}

// managedIdentity asks as an app does.
func managedIdentity(t *testing.T, id azidentity.ManagedIDKind, resource string) (string, error) {
	t.Helper()
	c, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{
		ID: id, ClientOptions: azcore.ClientOptions{Retry: policy.RetryOptions{MaxRetries: -1}},
	})
	check(t, err)
	token, err := c.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{resource + "/.default"}})
	return token.Token, err
}

// An app that uses managed identity, with the SDK's own address of the metadata service, gets tokens of the pod's
// identity, and of another that trusts the service account.
func TestMetadataService(t *testing.T) {
	f := newFixture(t)
	address := netip.MustParseAddr(contract.MetadataAddress)
	for range 2 { // the second time it is there
		check(t, imds.AddAddress(address))
	}
	f.serve(t, netip.AddrPortFrom(address, contract.MetadataPort).String())
	f.asks(t, "https://vault.azure.net")
}

// The same with the variables of App Service, on whatever port.
func TestAppService(t *testing.T) {
	f := newFixture(t)
	t.Setenv(contract.EnvIdentityEndpoint, "http://"+f.serve(t, "127.0.0.1:0")+contract.PathAppServiceToken)
	t.Setenv(contract.EnvIdentityHeader, header)
	f.asks(t, "https://storage.azure.com")
	t.Setenv(contract.EnvIdentityHeader, "guessed")
	if _, err := managedIdentity(t, nil, "https://graph.microsoft.com"); err == nil || !strings.Contains(err.Error(), "X-IDENTITY-HEADER") {
		t.Errorf("with another header: %v", err)
	}
}

// asks checks what apps get, as azidentity asks for it. That keeps tokens for the whole process, by resource, so that
// each test has its own one.
func (f *fixture) asks(t *testing.T, resource string) {
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
		if got := read(t, token); got != test.want {
			t.Errorf("%v for %s: got a token of %+v", test.id, test.resource, got)
		}
	}
	for _, id := range []azidentity.ManagedIDKind{
		azidentity.ClientID(strangerID), azidentity.ObjectID(clientID), azidentity.ResourceID("/subscriptions/1/resourceGroups/2"),
	} {
		if _, err := managedIdentity(t, id, resource); err == nil {
			t.Errorf("%T %s got a token", id, id)
		}
	}
	if said := f.log.String(); strings.Contains(said, "eyJ") || !strings.Contains(said, "token given") || !strings.Contains(said, "AADSTS700016") {
		t.Errorf("the log is to tell of tokens and failures, without a token:\n%s", said)
	}
}

// Tokens are kept: Entra ID is asked once for each identity and resource, however many ask.
func TestOneRequestToEntra(t *testing.T) {
	f := newFixture(t)
	address := f.serve(t, "127.0.0.1:0")
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			status, _, body := ask(t, address, "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net")
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

// ask sends a request of the metadata service's form.
func ask(t *testing.T, address, target string) (status int, h http.Header, body map[string]any) {
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
