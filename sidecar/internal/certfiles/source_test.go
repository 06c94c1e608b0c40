package certfiles

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/bundle"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/keyvault"
)

func TestFetch(t *testing.T) {
	f := newFixture(t)
	first, second := f.issue(t, "web"), f.issue(t, "web")
	pinned := f.certificate("web")
	pinned.Version = first.Version

	newest, err := f.source.Fetch(t.Context(), f.certificate("web"), first.Version)
	check(t, err)
	if newest.Version != second.Version || newest.Leaf.Fingerprint == "" || newest.Leaf.NotBefore.After(newest.Leaf.NotAfter) {
		t.Errorf("newest: version %s, leaf %+v; want version %s", newest.Version, newest.Leaf, second.Version)
	}
	older, err := f.source.Fetch(t.Context(), pinned, "")
	check(t, err)
	if older.Version != first.Version || older.Leaf.Fingerprint == newest.Leaf.Fingerprint {
		t.Errorf("pinned: version %s, leaf %+v; want version %s", older.Version, older.Leaf, first.Version)
	}
	same, err := f.source.Fetch(t.Context(), f.certificate("web"), second.Version)
	check(t, err)
	if same.Version != second.Version || same.Leaf != (certsync.Leaf{}) || same.Content == nil {
		t.Errorf("the version in the store: %+v", same)
	}
}

// Only certificates get into a store. The errors are permanent where only a change in the vault
// helps.
func TestFetchFails(t *testing.T) {
	f := newFixture(t)
	_, err := f.CreateSecret(t.Context(), azure.Secret{Vault: vaultHost, Name: "plain", Value: "hello", ContentType: "text/plain"})
	check(t, err)
	_, err = f.source.Fetch(t.Context(), f.certificate("plain"), "")
	if e, ok := errors.AsType[*bundle.Error](err); !ok || !e.Permanent() || strings.Contains(err.Error(), "hello") {
		t.Errorf("a secret that is not a certificate: %v", err)
	}
	_, err = f.source.Fetch(t.Context(), f.certificate("missing"), "")
	if _, ok := errors.AsType[*keyvault.NotFoundError](err); !ok {
		t.Errorf("a secret that does not exist: %v", err)
	}
}

// What is left out of a version is reported with each fetch, also if a process finds the version in
// its store.
func TestWarnings(t *testing.T) {
	f := newFixture(t)
	value, err := os.ReadFile("../bundle/testdata/tolerated/negative-serial-leaf.pem")
	check(t, err)
	v, err := f.CreateSecret(t.Context(), azure.Secret{Vault: vaultHost, Name: "odd", Value: string(value), ContentType: "application/x-pem-file"})
	check(t, err)
	for _, have := range []string{v.Version, "", v.Version} {
		fetched, err := f.source.Fetch(t.Context(), f.certificate("odd"), have)
		check(t, err)
		if len(fetched.Warnings) != 1 || !strings.Contains(fetched.Warnings[0], "negative serial number") {
			t.Errorf("with version %q in the store: warnings %q", have, fetched.Warnings)
		}
	}
}

// The version in the store passed all checks before, so it does not fail. If its files turn out to
// be missing, and it cannot be parsed, only this certificate fails.
func TestContentThatCannotBeParsed(t *testing.T) {
	f := newFixture(t)
	v, err := f.CreateSecret(t.Context(), azure.Secret{Vault: vaultHost, Name: "plain", Value: "hello", ContentType: "text/plain"})
	check(t, err)
	good := f.issue(t, "good")
	c := f.certificate("plain", "pem")
	fetched, err := f.source.Fetch(t.Context(), c, v.Version)
	check(t, err)
	item := certsync.Item[Content]{
		Certificate: c, Content: fetched.Content, Installed: certsync.Installed{FileName: c.FileName(), Version: v.Version},
	}
	result := f.commit(t, item, f.fetch(t, f.certificate("good", "pem")))
	if _, ok := errors.AsType[*bundle.Error](result.Failed["shop.plain"]); !ok || len(result.Failed) != 1 {
		t.Errorf("failed: %v, want shop.plain", result.Failed)
	}
	f.wantSerial(t, "shop.good", good)
}
