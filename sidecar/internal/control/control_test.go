package control

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/azhttp"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/bundle"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/credential"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/keyvault"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/store"
)

func TestFailure(t *testing.T) {
	for _, test := range []struct {
		err  error
		want contract.Failure
	}{
		{&azhttp.UnreachableError{Host: "v.vault.azure.net", Err: errors.New("refused")}, contract.Failure{Reason: contract.ReasonUnreachable, Host: "v.vault.azure.net"}},
		{&azhttp.ThrottledError{Host: "v.vault.azure.net", Status: 429}, contract.Failure{Reason: contract.ReasonThrottled, Host: "v.vault.azure.net"}},
		{&keyvault.ForbiddenError{Code: "ForbiddenByRbac"}, contract.Failure{Reason: contract.ReasonForbidden, Code: "ForbiddenByRbac"}},
		{&keyvault.NotFoundError{}, contract.Failure{Reason: contract.ReasonNotFound}},
		{&keyvault.DisabledError{}, contract.Failure{Reason: contract.ReasonDisabled}},
		{
			&credential.EntraError{
				Code: 70021, Identity: credential.Identity{ClientID: "c"}, Token: &credential.TokenClaims{Issuer: "i", Subject: "s", Audience: "a"},
			},
			contract.Failure{
				Reason: contract.ReasonNoToken, Code: "AADSTS70021", ClientID: "c", Token: &contract.TokenClaims{Issuer: "i", Subject: "s", Audience: "a"},
			},
		},
		{&credential.TokenFileError{Path: "/token"}, contract.Failure{Reason: contract.ReasonNoTokenFile}},
		{&bundle.Error{}, contract.Failure{Reason: contract.ReasonInvalid}},
		{&store.Error{Op: "open", Path: "/x", Err: os.ErrPermission}, contract.Failure{Reason: contract.ReasonStore}},
		{errors.New("new kind"), contract.Failure{Reason: contract.ReasonOther}},
	} {
		at := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
		wrapped := fmt.Errorf("around: %w", test.err)
		got := failureOf(certsync.Status{Err: wrapped, ErrTime: at})
		test.want.Time, test.want.Message = at, wrapped.Error()
		if diff := cmp.Diff(&test.want, got); diff != "" {
			t.Errorf("failure of %T (-want +got):\n%s", test.err, diff)
		}
	}
	if got := failureOf(certsync.Status{}); got != nil {
		t.Errorf("a certificate without an error has the failure %+v", got)
	}
}

// Whatever a file contains, only its certificates get out.
func TestChainWithoutKey(t *testing.T) {
	const certificate = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
	for _, kind := range []string{"PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "CERTIFICATE REQUEST"} {
		other := "-----BEGIN " + kind + "-----\nc2VjcmV0\n-----END " + kind + "-----\n"
		content := "comment: c2VjcmV0\n" + other + certificate + other + certificate + "c2VjcmV0"
		if got := certificatesOnly([]byte(content)); got != certificate+certificate {
			t.Errorf("with a block %s, the chain is %q", kind, got)
		}
	}
	header := "-----BEGIN CERTIFICATE-----\nNote: c2VjcmV0\n\nMAA=\n-----END CERTIFICATE-----\n"
	if got := certificatesOnly([]byte(header)); got != certificate {
		t.Errorf("the chain of a block with a header is %q", got)
	}
}

func TestChainOfSplitFormat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault.web")
	if err := os.Mkdir(path+".d", 0o700); err != nil {
		t.Fatal(err)
	}
	const certificate = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
	if err := os.WriteFile(filepath.Join(path+".d", "tls.crt"), []byte(certificate), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := chainOf(path); err != nil || got != certificate {
		t.Errorf("chain %q, error %v", got, err)
	}
	if _, err := chainOf(filepath.Join(path, "none")); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("error of a missing file: %v", err)
	}
}
