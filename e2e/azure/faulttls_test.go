package azure_test

import (
	"crypto/x509"
	"errors"
	"slices"
	"syscall"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
)

// A client that verifies certificates fails with the right error, also on a connection that it had,
// and only while the host shows the certificate.
func TestPresent(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture, c azure.Control) {
		client := f.Client()
		t.Cleanup(client.CloseIdleConnections)
		get := func() error {
			resp, err := client.Get("https://" + vaultHost + "/secrets/s?api-version=7.6")
			if err != nil {
				return err
			}
			return resp.Body.Close()
		}
		for kind, is := range map[string]func(error) bool{
			azure.TLSWrongName: func(err error) bool { return errors.As(err, new(x509.HostnameError)) },
			azure.TLSExpired: func(err error) bool {
				invalid := new(x509.CertificateInvalidError)
				return errors.As(err, invalid) && invalid.Reason == x509.Expired
			},
			azure.TLSUntrusted: func(err error) bool { return errors.As(err, new(x509.UnknownAuthorityError)) },
		} {
			check(t, get())
			check(t, c.Present(t.Context(), vaultHost, kind))
			if err := get(); err == nil || !is(err) {
				t.Errorf("%s: got %v", kind, err)
			}
			check(t, c.Present(t.Context(), vaultHost, ""))
		}
		check(t, get())
		if err := c.Present(t.Context(), vaultHost, "x"); !errors.Is(err, azure.ErrInvalid) {
			t.Errorf("got %v", err)
		}
		if err := c.Present(t.Context(), "other.example.com", ""); !errors.Is(err, azure.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	})
}

func TestReset(t *testing.T) {
	f := newFixture(t)
	_, err := f.InjectFault(t.Context(), azure.Fault{Reset: true})
	check(t, err)
	if o := f.try(t.Context(), "token"); !errors.Is(o.err, syscall.ECONNRESET) {
		t.Errorf("got %+v", o)
	}
}

// What is confidential is complete, and has keys only once.
func TestConfidential(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture, c azure.Control) {
		_, err := c.CreateCertificate(t.Context(), azure.Certificate{Vault: vaultHost, Name: "web"})
		check(t, err)
		_, err = c.Renew(t.Context(), azure.Renewal{Vault: vaultHost, Name: "web", ReuseKey: true})
		check(t, err)
		token := f.vaultToken(vaultScope)
		_ = f.vaultToken(vaultScope)
		got, err := c.Confidential(t.Context())
		check(t, err)
		// The fixture's assertions differ in their times, at most.
		if len(got.Keys) != 1 || len(got.Values) != 2 || len(got.Tokens) < 3 || len(got.Tokens) > 4 {
			t.Fatalf("%d keys, %d values, %d tokens", len(got.Keys), len(got.Values), len(got.Tokens))
		}
		if _, err := x509.ParsePKCS8PrivateKey(got.Keys[0]); err != nil {
			t.Error(err)
		}
		if !slices.Contains(got.Tokens, token) {
			t.Error("the access token is missing")
		}
	})
}
