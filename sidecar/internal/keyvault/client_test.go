package keyvault_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/azhttp"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/credential"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/keyvault"
)

const (
	tenant     = "11111111-2222-3333-4444-555555555555"
	clientID   = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
	issuerURL  = "https://cluster.example"
	subject    = "system:serviceaccount:shop:web"
	vaultHost  = "examplevault.vault.azure.net"
	vaultURL   = "https://" + vaultHost
	secondHost = "secondvault.vault.azure.net" // of the same tenant, and with the same grants, as the first
	otherHost  = "othervault.vault.azure.net"  // of another tenant
	chinaHost  = "examplevault.vault.azure.cn"
	usHost     = "examplevault.vault.usgovcloudapi.net"
	noRole     = "norole.vault.azure.net" // the identity has no role in it
)

// cluster signs the service-account tokens of all tests. It is shared since generating an RSA key
// is slow.
var cluster = sync.OnceValues(func() (*azure.TokenIssuer, error) { return azure.NewTokenIssuer(issuerURL) })

// fixture is a client of an emulated Azure, created as in the program.
type fixture struct {
	*azure.Emulator
	*keyvault.Client
	transport  *azhttp.Client
	tokenFile  string
	authority  string // empty: that of the public cloud
	identities int
}

// inBubble runs a test over real TLS in memory, with a fake clock.
func inBubble(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	issuer, err := cluster()
	check(t, err)
	synctest.Test(t, func(t *testing.T) { test(t, newFixture(t, issuer)) })
}

func newFixture(t *testing.T, issuer *azure.TokenIssuer) *fixture {
	t.Helper()
	e, err := azure.New(azure.Options{Config: azure.Config{
		Issuers: []azure.Issuer{issuer.Config()},
		Applications: []azure.Application{{ClientID: clientID, Tenant: tenant, FederatedCredentials: []azure.FederatedCredential{
			{Issuer: issuerURL, Subject: subject},
		}}},
		Vaults: []azure.Vault{{Host: vaultHost, Tenant: tenant}, {Host: secondHost, Tenant: tenant}, {Host: noRole, Tenant: tenant},
			{Host: otherHost, Tenant: "99999999-2222-3333-4444-555555555555"}, {Host: chinaHost, Tenant: tenant}, {Host: usHost, Tenant: tenant}},
		Grants: []azure.Grant{{Vault: vaultHost, ClientID: clientID}, {Vault: secondHost, ClientID: clientID},
			{Vault: chinaHost, ClientID: clientID}, {Vault: usHost, ClientID: clientID}},
	}})
	check(t, err)
	e.StartInMemory()
	token, err := issuer.Sign(azure.Assertion{Subject: subject, Expiry: time.Now().Add(24 * time.Hour)})
	check(t, err)
	file := filepath.Join(t.TempDir(), "token")
	check(t, os.WriteFile(file, []byte(token), 0o600))
	transport, err := azhttp.New(azhttp.Options{ExtraCA: e.CACertPEM(), DialContext: e.DialContext})
	check(t, err)
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		check(t, e.Close())
	})
	f := &fixture{Emulator: e, transport: transport, tokenFile: file}
	f.renewClient()
	return f
}

// renewClient replaces the client by a new one without tokens and connections to vaults.
func (f *fixture) renewClient() {
	f.Client = keyvault.New(contract.Pod, func(_, _ string) (keyvault.Identity, error) {
		f.identities++
		c, err := credential.NewWorkloadIdentity(credential.Identity{ClientID: clientID, TenantID: tenant},
			credential.Federation{TokenFile: f.tokenFile, AuthorityHost: f.authority}, f.transport.Options(azhttp.ServiceEntra, nil))
		return keyvault.Identity{ClientID: clientID, Credential: c}, err
	}, f.transport.Options(azhttp.ServiceKeyVault, nil))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) certificate(t *testing.T, name string) azure.Version {
	t.Helper()
	v, err := f.CreateCertificate(t.Context(), azure.Certificate{Vault: vaultHost, Name: name})
	check(t, err)
	return v
}

func ref(name string) keyvault.Ref { return keyvault.Ref{VaultURL: vaultURL, Name: name} }

// getAll gets secrets at the same time, and returns the error of each one.
func (f *fixture) getAll(ctx context.Context, refs []keyvault.Ref) []error {
	var wait sync.WaitGroup
	errs := make([]error, len(refs))
	for i, r := range refs {
		wait.Go(func() { _, errs[i] = f.Get(ctx, r) })
	}
	wait.Wait()
	return errs
}

// The first sync of ten certificates takes three round trips, one challenge and one token request.
// Each later poll takes one request per certificate, and no token request until the token must be
// renewed.
func TestRoundTrips(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		var refs []keyvault.Ref
		for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
			f.certificate(t, name)
			refs = append(refs, ref(name))
		}
		const delay = 100 * time.Millisecond
		_, err := f.InjectFault(t.Context(), azure.Fault{Delay: azure.Duration(delay)})
		check(t, err)

		began := time.Now()
		for _, err := range f.getAll(t.Context(), refs) {
			check(t, err)
		}
		if took := time.Since(began); took != 3*delay {
			t.Errorf("the first ten took %s, want three times the delay of a response, %s", took, 3*delay)
		}
		f.wantCounts(t, azure.Counts{Requests: 13, Tokens: 1, OpenIDDiscovery: 1, SecretGets: 10, Challenges: 1})

		for range 10 { // every five minutes; the token is valid for an hour and renewed five minutes before
			time.Sleep(5 * time.Minute)
			check(t, f.ForgetRequests(t.Context()))
			began = time.Now()
			for _, err := range f.getAll(t.Context(), refs) {
				check(t, err)
			}
			if took := time.Since(began); took != delay {
				t.Errorf("a poll took %s, want %s", took, delay)
			}
			f.wantCounts(t, azure.Counts{Requests: 10, SecretGets: 10})
		}
		time.Sleep(15 * time.Minute)
		check(t, f.ForgetRequests(t.Context()))
		for _, err := range f.getAll(t.Context(), refs) {
			check(t, err)
		}
		f.wantCounts(t, azure.Counts{Requests: 11, Tokens: 1, SecretGets: 10})
		if f.identities != 1 {
			t.Errorf("%d credentials were created for one identity", f.identities)
		}
	})
}

// The clouds of China and of the US government work like the public cloud, with their authority
// host.
func TestOtherClouds(t *testing.T) {
	for host, authority := range map[string]string{
		chinaHost: "https://login.chinacloudapi.cn/", usHost: "https://login.microsoftonline.us/",
	} {
		inBubble(t, func(t *testing.T, f *fixture) {
			f.authority = authority
			f.renewClient()
			_, err := f.CreateCertificate(t.Context(), azure.Certificate{Vault: host, Name: "web"})
			check(t, err)
			_, err = f.Get(t.Context(), keyvault.Ref{VaultURL: "https://" + host, Name: "web"})
			check(t, err)
			f.wantCounts(t, azure.Counts{Requests: 4, Tokens: 1, OpenIDDiscovery: 1, SecretGets: 1, Challenges: 1})
		})
	}
}

// Several vaults share the token of one identity.
func TestOneTokenForSeveralVaults(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		var refs []keyvault.Ref
		for _, host := range []string{vaultHost, secondHost} {
			for _, name := range []string{"a", "b"} {
				_, err := f.CreateCertificate(t.Context(), azure.Certificate{Vault: host, Name: name})
				check(t, err)
				refs = append(refs, keyvault.Ref{VaultURL: "https://" + host, Name: name})
			}
		}
		for _, err := range f.getAll(t.Context(), refs) {
			check(t, err)
		}
		f.wantCounts(t, azure.Counts{Requests: 8, Tokens: 1, OpenIDDiscovery: 1, SecretGets: 4, Challenges: 2})
		if f.identities != 1 {
			t.Errorf("%d credentials were created for one identity", f.identities)
		}
	})
}

func (f *fixture) wantCounts(t *testing.T, want azure.Counts) {
	t.Helper()
	got, err := f.Counts(t.Context(), azure.Filter{})
	check(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// Get returns the secret in the newest or the requested version.
func TestGet(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		first, second := f.certificate(t, "web"), f.certificate(t, "web")
		got, err := f.Get(t.Context(), ref("web"))
		check(t, err)
		if got.Version != second.Version || got.ContentType != "application/x-pkcs12" || got.Value == "" {
			t.Errorf("newest: version %s, type %s", got.Version, got.ContentType)
		}
		pinned := ref("web")
		pinned.Version = first.Version
		if got, err = f.Get(t.Context(), pinned); err != nil || got.Version != first.Version {
			t.Errorf("pinned: version %s, %v", got.Version, err)
		}
		_, err = f.CreateSecret(t.Context(), azure.Secret{Vault: vaultHost, Name: "plain", Value: "hello", ContentType: "text/plain"})
		check(t, err)
		if got, err = f.Get(t.Context(), ref("plain")); err != nil || got.Value != "hello" {
			t.Errorf("plain secret: %+v, %v", got, err)
		}
	})
}

// If the first request fails (no token, no vault), the next Gets start again in the same order.
func TestRestartsAfterFailure(t *testing.T) {
	for name, fault := range map[string]azure.Fault{
		"no token":     {Service: azure.ServiceEntra, Operation: azure.OpToken, Error: "700213"},
		"no vault":     {Host: vaultHost, Close: true},
		"no challenge": {Host: vaultHost, Status: 500},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fixture) {
				f.certificate(t, "a")
				f.certificate(t, "b")
				refs := []keyvault.Ref{ref("a"), ref("b")}
				id, err := f.InjectFault(t.Context(), fault)
				check(t, err)
				for i, err := range f.getAll(t.Context(), refs) {
					if err == nil {
						t.Errorf("Get %d succeeded", i)
					}
				}
				check(t, f.ClearFaults(t.Context(), id))
				for _, err := range f.getAll(t.Context(), refs) {
					check(t, err)
				}
			})
		})
	}
}

// A token that the vault no longer accepts is replaced within the same Get: either with the claims
// that the vault requires (continuous access evaluation), or with a new client and credential.
func TestTokenIsReplaced(t *testing.T) {
	for name, c := range map[string]struct {
		fault azure.Fault
		want  azure.Counts
	}{
		"revoked": {
			azure.Fault{Status: 401, Count: 1, Header: challenge(`Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZX19fQ=="`)},
			azure.Counts{Requests: 3, Tokens: 1, SecretGets: 2},
		},
		"expired": { // the SDK's client sends its token twice
			azure.Fault{Error: "TokenExpired", Count: 2},
			azure.Counts{Requests: 6, Tokens: 1, OpenIDDiscovery: 1, SecretGets: 3, Challenges: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fixture) {
				f.certificate(t, "web")
				_, err := f.Get(t.Context(), ref("web"))
				check(t, err)
				check(t, f.ForgetRequests(t.Context()))
				c.fault.Service, c.fault.SkipChallenges = azure.ServiceKeyVault, true
				_, err = f.InjectFault(t.Context(), c.fault)
				check(t, err)
				_, err = f.Get(t.Context(), ref("web"))
				check(t, err)
				f.wantCounts(t, c.want)
			})
		})
	}
}
