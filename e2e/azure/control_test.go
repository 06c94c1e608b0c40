package azure_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
)

// onBoth runs a test in process and through the admin API, each time with a new emulator.
func onBoth(t *testing.T, test func(*testing.T, *fixture, azure.Control)) {
	t.Run("in process", func(t *testing.T) {
		f := newFixture(t)
		test(t, f, f.Emulator)
	})
	t.Run("admin API", func(t *testing.T) {
		f := newFixture(t)
		server := httptest.NewServer(f.AdminHandler())
		t.Cleanup(server.Close)
		client := server.Client()
		c := azure.NewAdminClient(server.URL+"/", client)
		check(t, c.WaitReady(t.Context()))
		test(t, f, c)
	})
}

// Every call has the same result in process and through the admin API.
func TestControl(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture, c azure.Control) {
		ctx := t.Context()
		const host = "controlled.vault.azure.net"
		grant := azure.Grant{Vault: host, ClientID: clientID}
		check(t, c.Apply(ctx, azure.Config{Vaults: []azure.Vault{{Host: host, Tenant: tenant}}, Grants: []azure.Grant{grant}}))
		first, err := c.CreateCertificate(ctx, azure.Certificate{Vault: host, Name: "web"})
		check(t, err)
		second, err := c.Renew(ctx, azure.Renewal{Vault: host, Name: "web"})
		check(t, err)
		_, err = c.CreateSecret(ctx, azure.Secret{Vault: host, Name: "plain", Value: "v"})
		check(t, err)
		ref := azure.SecretRef{Vault: host, Name: "web"}
		check(t, c.SetEnabled(ctx, ref, false))
		check(t, c.SetEnabled(ctx, azure.SecretRef{Vault: host, Name: "web", Version: first.Version}, true))
		second.Enabled = false
		list, err := c.Versions(ctx, ref)
		check(t, err)
		if diff := cmp.Diff([]azure.Version{first, second}, list); diff != "" {
			t.Errorf("versions (-want +got):\n%s", diff)
		}

		id, err := c.InjectFault(ctx, azure.Fault{Service: azure.ServiceKeyVault, Error: "Throttled"})
		check(t, err)
		check(t, c.ClearFaults(ctx, id))
		check(t, c.CutOff(ctx, host, true))
		check(t, c.CutOff(ctx, host, false))
		if _, err := f.secrets(host).GetSecret(ctx, "plain", "", nil); err != nil {
			t.Error(err)
		}
		check(t, c.Revoke(ctx, grant))
		check(t, c.Delete(ctx, ref))
		check(t, c.DeleteApplication(ctx, clientID))

		counts, err := c.Counts(ctx, azure.Filter{})
		check(t, err)
		if diff := cmp.Diff(azure.Counts{Requests: 4, Tokens: 1, OpenIDDiscovery: 1, SecretGets: 1, Challenges: 1}, counts); diff != "" {
			t.Errorf("counts (-want +got):\n%s", diff)
		}
		check(t, c.ForgetRequests(ctx))
		left, err := c.Requests(ctx, azure.Filter{})
		check(t, err)
		if len(left) != 0 {
			t.Errorf("requests left in the log: %+v", left)
		}
		roots, err := c.Roots(ctx)
		check(t, err)
		if roots.TLS != string(f.CACertPEM()) || roots.Issuer != string(f.IssuerRootPEM()) {
			t.Error("the roots are not those of the emulator")
		}
	})
}

// Invalid calls return distinct errors that name the mistake.
func TestControlMistakes(t *testing.T) {
	type call func(context.Context, azure.Control) error
	apply := func(c azure.Config) call {
		return func(ctx context.Context, ctl azure.Control) error { return ctl.Apply(ctx, c) }
	}
	certificate := func(c azure.Certificate) call {
		c.Vault = vaultHost
		return apply(azure.Config{Certificates: []azure.Certificate{c}})
	}
	faulty := func(f azure.Fault) call { return apply(azure.Config{Faults: []azure.Fault{f}}) }
	tooMany := make([]azure.FederatedCredential, 21)
	cases := map[string]struct {
		call call
		kind error
		text string
	}{
		"vault host":            {apply(azure.Config{Vaults: []azure.Vault{{Host: "example.com", Tenant: tenant}}}), azure.ErrInvalid, `"example.com" does not belong to a cloud`},
		"vault name":            {apply(azure.Config{Vaults: []azure.Vault{{Host: "a--b.vault.azure.net", Tenant: tenant}}}), azure.ErrInvalid, `vault name "a--b"`},
		"vault's tenant":        {apply(azure.Config{Vaults: []azure.Vault{{Host: vaultHost}}}), azure.ErrInvalid, "without a tenant"},
		"denial":                {apply(azure.Config{Vaults: []azure.Vault{{Host: vaultHost, Tenant: tenant, Denial: "No"}}}), azure.ErrInvalid, `denial "No"`},
		"limit":                 {apply(azure.Config{Vaults: []azure.Vault{{Host: vaultHost, Tenant: tenant, Limit: &azure.Limit{}}}}), azure.ErrInvalid, "limit"},
		"application":           {apply(azure.Config{Applications: []azure.Application{{ClientID: "x"}}}), azure.ErrInvalid, `application "x"`},
		"federated credential":  {apply(azure.Config{Applications: []azure.Application{{ClientID: "x", Tenant: "t", FederatedCredentials: tooMany[:1]}}}), azure.ErrInvalid, "issuer and subject"},
		"federated credentials": {apply(azure.Config{Applications: []azure.Application{{ClientID: "x", Tenant: "t", FederatedCredentials: tooMany}}}), azure.ErrInvalid, "21 federated credentials (at most 20)"},
		"issuer":                {apply(azure.Config{Issuers: []azure.Issuer{{}}}), azure.ErrInvalid, "without a URL"},
		"issuer's keys":         {apply(azure.Config{Issuers: []azure.Issuer{{URL: "u", JWKS: []byte(`{"keys":1}`)}}}), azure.ErrInvalid, "issuer u: jwks"},
		"two sources of keys":   {apply(azure.Config{Issuers: []azure.Issuer{{URL: "u", JWKS: []byte(`{}`), JWKSURL: "v"}}}), azure.ErrInvalid, "exclude each other"},
		"grant":                 {apply(azure.Config{Grants: []azure.Grant{{Vault: vaultHost}}}), azure.ErrInvalid, "without a client ID"},
		"grant's vault":         {apply(azure.Config{Grants: []azure.Grant{{Vault: "no", ClientID: "x"}}}), azure.ErrNotFound, `vault "no"`},
		"certificate's name":    {certificate(azure.Certificate{Name: "a b"}), azure.ErrInvalid, `certificate "a b"`},
		"key":                   {certificate(azure.Certificate{Name: "c", Key: "DSA"}), azure.ErrInvalid, `unknown key type "DSA"`},
		"chain":                 {certificate(azure.Certificate{Name: "c", Chain: 5}), azure.ErrInvalid, "chain of 5"},
		"encoding":              {certificate(azure.Certificate{Name: "c", Encoding: "der"}), azure.ErrInvalid, `unknown encoding "der"`},
		"order":                 {certificate(azure.Certificate{Name: "c", Order: "up"}), azure.ErrInvalid, `unknown order "up"`},
		"IP address":            {certificate(azure.Certificate{Name: "c", IPAddresses: []string{"10"}}), azure.ErrInvalid, `IP address "10"`},
		"validity":              {certificate(azure.Certificate{Name: "c", NotAfter: time.Unix(0, 0)}), azure.ErrInvalid, "is not after notBefore"},
		"certificate's vault":   {apply(azure.Config{Certificates: []azure.Certificate{{Vault: "no", Name: "c"}}}), azure.ErrNotFound, `vault "no"`},
		"secret's name":         {apply(azure.Config{Secrets: []azure.Secret{{Vault: vaultHost, Name: ""}}}), azure.ErrInvalid, `secret ""`},
		"fault's service":       {faulty(azure.Fault{Service: "mail"}), azure.ErrInvalid, `unknown service "mail"`},
		"fault's error":         {faulty(azure.Fault{Service: azure.ServiceEntra, Error: "ForbiddenByRbac"}), azure.ErrInvalid, `entra does not have the error "ForbiddenByRbac"`},
		"fault's status":        {faulty(azure.Fault{Status: 99}), azure.ErrInvalid, "status 99"},
		"fault's count":         {faulty(azure.Fault{Count: -1}), azure.ErrInvalid, "count -1"},
		"fault's end":           {faulty(azure.Fault{Close: true, Hang: true}), azure.ErrInvalid, "close, hang and reset exclude each other"},
		"fault twice": {apply(azure.Config{Faults: []azure.Fault{{ID: "a", Status: 500, Host: "none"}, {ID: "a", Status: 500, Host: "none"}}}),
			azure.ErrInvalid, `fault "a" already`},
		"clear":   {func(ctx context.Context, c azure.Control) error { return c.ClearFaults(ctx, "gone") }, azure.ErrNotFound, `fault "gone"`},
		"cut off": {func(ctx context.Context, c azure.Control) error { return c.CutOff(ctx, "nowhere", true) }, azure.ErrNotFound, `"nowhere"`},
		"renew": {func(ctx context.Context, c azure.Control) error {
			_, err := c.Renew(ctx, azure.Renewal{Vault: vaultHost, Name: "none"})
			return err
		}, azure.ErrNotFound, `secret "none"`},
		"version": {func(ctx context.Context, c azure.Control) error {
			_, err := c.CreateSecret(ctx, azure.Secret{Vault: vaultHost, Name: "s"})
			return errors.Join(err, c.SetEnabled(ctx, azure.SecretRef{Vault: vaultHost, Name: "s", Version: "0"}, true))
		}, azure.ErrNotFound, `version "0"`},
		"delete a version": {func(ctx context.Context, c azure.Control) error {
			return c.Delete(ctx, azure.SecretRef{Vault: vaultHost, Name: "s", Version: "0"})
		}, azure.ErrInvalid, "single version"},
		"revoke": {func(ctx context.Context, c azure.Control) error {
			return c.Revoke(ctx, azure.Grant{Vault: vaultHost, ClientID: "x"})
		}, azure.ErrNotFound, "for x"},
		"delete application": {func(ctx context.Context, c azure.Control) error { return c.DeleteApplication(ctx, "x") }, azure.ErrNotFound, `application "x"`},
	}
	onBoth(t, func(t *testing.T, _ *fixture, c azure.Control) {
		for name, mistake := range cases {
			t.Run(name, func(t *testing.T) {
				if err := mistake.call(t.Context(), c); !errors.Is(err, mistake.kind) || !strings.Contains(err.Error(), mistake.text) {
					t.Errorf("error %v; want %v with %s", err, mistake.kind, mistake.text)
				}
			})
		}
	})
}

// Await returns when the requests have arrived, and gives up when its context ends.
func TestAwait(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture, c azure.Control) {
		ctx, cancel := context.WithCancel(t.Context())
		type result struct {
			found []azure.Request
			err   error
		}
		challenged := make(chan result, 1)
		go func() {
			found, err := c.Await(ctx, azure.Filter{Service: azure.ServiceKeyVault, Host: vaultHost}, 2)
			challenged <- result{found, err}
		}()
		f.getRaw(t, "https://"+vaultHost+"/secrets/a?api-version=7.6", "")
		f.getRaw(t, "https://"+vaultHost+"/secrets/b?api-version=7.6", "")
		got := <-challenged
		check(t, got.err)
		if len(got.found) != 2 || got.found[1].Path != "/secrets/b" || got.found[1].Seq != got.found[0].Seq+1 {
			t.Errorf("found %+v", got.found)
		}
		cancel()
		if _, err := c.Await(ctx, azure.Filter{After: 2}, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("with an ended context: %v", err)
		}
	})
}

// Host names that are not emulated get no response on any path.
func TestUnknownHost(t *testing.T) {
	f := newFixture(t)
	client := f.Client()
	t.Cleanup(client.CloseIdleConnections)
	var dns *net.DNSError
	if _, err := client.Get("https://unknown.vault.azure.net/"); !errors.As(err, &dns) || !dns.IsNotFound {
		t.Errorf("by name: %v", err)
	}
	direct := http.Client{Transport: &http.Transport{TLSClientConfig: f.TLSClientConfig(), DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, f.Addr().String())
	}}}
	t.Cleanup(direct.CloseIdleConnections)
	if _, err := direct.Get("https://unknown.vault.azure.net/"); err == nil {
		t.Error("by address: the handshake succeeded")
	}
}
