package credential_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
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

// writeToken writes the service-account token.
func (f *fixture) writeToken(t *testing.T, a azure.Assertion) {
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

// Many concurrent callers cause one token request, and later callers cause none.
func TestOneRequestForAllCallers(t *testing.T) {
	f := newFixture(t)
	f.writeToken(t, azure.Assertion{Subject: subject})
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
	o.TenantID = strings.ToUpper(tenant) // a vault's challenge may use upper case
	_, err = c.GetToken(t.Context(), o)
	check(t, err)
	got, err := f.Counts(t.Context(), azure.Filter{})
	check(t, err)
	if diff := cmp.Diff(azure.Counts{Requests: 2, Tokens: 1, OpenIDDiscovery: 1}, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// If a caller cancels, the other callers that wait still get the token.
func TestCanceledCaller(t *testing.T) {
	f := newFixture(t)
	f.writeToken(t, azure.Assertion{Subject: subject})
	c, err := credential.NewWorkloadIdentity(f.identity, f.federation, f.transport.Options(azhttp.ServiceEntra, nil))
	check(t, err)
	id, err := f.InjectFault(t.Context(), azure.Fault{Operation: azure.OpToken, Hang: true})
	check(t, err)
	o := policy.TokenRequestOptions{Scopes: []string{scope}}
	canceled, cancel := context.WithCancel(t.Context())
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { _, err := c.GetToken(canceled, o); first <- err }()
	_, err = f.Await(t.Context(), azure.Filter{Operation: azure.OpOpenIDDiscovery}, 1)
	check(t, err)
	go func() { _, err := c.GetToken(t.Context(), o); second <- err }()
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the canceled caller got %v", err)
	}
	check(t, f.ClearFaults(t.Context(), id)) // this drops the hanging request, so a second one may be needed
	if err := <-second; err != nil {
		_, err = c.GetToken(t.Context(), o)
		check(t, err)
	}
}

// If azidentity still has a token in memory that Entra ID refuses, and that was replaced in the
// file, the file is read again at once, and not only after ten minutes. A file that did not change
// costs no further request.
func TestRefusedTokenIsReadAgain(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		wrong azure.Assertion
		text  string // instead of wrong
		code  int
	}{
		"expired":        {wrong: azure.Assertion{Subject: subject, IssuedAt: now.Add(-2 * time.Hour), Expiry: now.Add(-time.Hour)}, code: 700024},
		"wrong subject":  {wrong: azure.Assertion{Subject: subject + "x"}, code: 700213},
		"wrong audience": {wrong: azure.Assertion{Subject: subject, Audience: "x"}, code: 700212},
		"rubbish":        {text: "rubbish", code: 50027},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.writeToken(t, c.wrong)
			if c.text != "" {
				check(t, os.WriteFile(f.federation.TokenFile, []byte(c.text), 0o600))
			}
			credential, err := credential.NewWorkloadIdentity(f.identity, f.federation, f.transport.Options(azhttp.ServiceEntra, nil))
			check(t, err)
			o := policy.TokenRequestOptions{Scopes: []string{scope}}
			for range 2 {
				if _, err = credential.GetToken(t.Context(), o); !entra(c.code)(err) {
					t.Fatalf("with the wrong token: %v", err)
				}
			}
			f.writeToken(t, azure.Assertion{Subject: subject})
			_, err = credential.GetToken(t.Context(), o)
			check(t, err)
			got, err := f.Counts(t.Context(), azure.Filter{Operation: azure.OpToken})
			check(t, err)
			if got.Requests != 4 {
				t.Errorf("%d token requests, want three with the wrong token and one with the new one", got.Requests)
			}
		})
	}
}

// An empty token file is not used again when the kubelet has written the token, and no request is
// made with it. A file that is missing does not take away the access token that is still valid.
func TestTokenFileComesAndGoes(t *testing.T) {
	f := newFixture(t)
	check(t, os.WriteFile(f.federation.TokenFile, nil, 0o600))
	c, err := credential.NewWorkloadIdentity(f.identity, f.federation, f.transport.Options(azhttp.ServiceEntra, nil))
	check(t, err)
	o := policy.TokenRequestOptions{Scopes: []string{scope}}
	if _, err = c.GetToken(t.Context(), o); !as[*credential.TokenFileError](err) {
		t.Fatalf("with an empty file: %v", err)
	}
	f.writeToken(t, azure.Assertion{Subject: subject})
	_, err = c.GetToken(t.Context(), o)
	check(t, err)
	check(t, os.Remove(f.federation.TokenFile))
	_, err = c.GetToken(t.Context(), o)
	check(t, err)
	got, err := f.Counts(t.Context(), azure.Filter{Operation: azure.OpToken})
	check(t, err)
	if got.Requests != 1 {
		t.Errorf("%d token requests, want 1", got.Requests)
	}
}
