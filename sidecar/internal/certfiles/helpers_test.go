package certfiles

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/azhttp"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/credential"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/keyvault"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/store"
)

const (
	tenant    = "11111111-2222-3333-4444-555555555555"
	clientID  = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
	issuerURL = "https://cluster.example"
	subject   = "system:serviceaccount:shop:web"
	vaultHost = "shop.vault.azure.net"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// cluster signs the service-account tokens of all tests. Generating its RSA key takes time.
var cluster = sync.OnceValues(func() (*azure.TokenIssuer, error) { return azure.NewTokenIssuer(issuerURL) })

// fixture is an emulated Azure, a Source that fetches from it, and an empty store.
type fixture struct {
	*azure.Emulator
	source *Source
	stores *Stores
	dir    string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	issuer, err := cluster()
	check(t, err)
	e, err := azure.New(azure.Options{Config: azure.Config{
		Issuers: []azure.Issuer{issuer.Config()},
		Applications: []azure.Application{{ClientID: clientID, Tenant: tenant, FederatedCredentials: []azure.FederatedCredential{
			{Issuer: issuerURL, Subject: subject},
		}}},
		Vaults: []azure.Vault{{Host: vaultHost, Tenant: tenant}},
		Grants: []azure.Grant{{Vault: vaultHost, ClientID: clientID}},
	}})
	check(t, err)
	e.StartInMemory()
	token, err := issuer.Sign(azure.Assertion{Subject: subject})
	check(t, err)
	tokenFile := filepath.Join(t.TempDir(), "token")
	check(t, os.WriteFile(tokenFile, []byte(token), 0o600))
	transport, err := azhttp.New(azhttp.Options{ExtraCA: e.CACertPEM(), DialContext: e.DialContext})
	check(t, err)
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		check(t, e.Close())
	})
	identify := func(_, _ string) (keyvault.Identity, error) {
		c, err := credential.NewWorkloadIdentity(credential.Identity{ClientID: clientID, TenantID: tenant},
			credential.Federation{TokenFile: tokenFile}, transport.Options(azhttp.ServiceEntra, nil))
		return keyvault.Identity{ClientID: clientID, Credential: c}, err
	}
	return &fixture{
		Emulator: e, dir: filepath.Join(t.TempDir(), "store"), stores: NewStores(store.Options{}, ""),
		source: NewSource(keyvault.New(contract.Pod, identify, transport.Options(azhttp.ServiceKeyVault, nil))),
	}
}

// issue issues a certificate in the vault, or the next version of it.
func (f *fixture) issue(t *testing.T, name string) azure.Version {
	t.Helper()
	v, err := f.CreateCertificate(t.Context(), azure.Certificate{Vault: vaultHost, Name: name})
	check(t, err)
	return v
}

// certificate returns the settings of a certificate of the vault.
func (f *fixture) certificate(name string, formats ...string) contract.Certificate {
	return contract.Certificate{
		URL: "https://" + vaultHost + "/secrets/" + name, VaultURL: "https://" + vaultHost, VaultName: "shop", Name: name,
		Store: f.dir, LinkName: "shop." + name, Mode: 0o600, Formats: formats,
	}
}

// fetch returns the item that the sync loop would commit for the newest version.
func (f *fixture) fetch(t *testing.T, c contract.Certificate) certsync.Item[Content] {
	t.Helper()
	fetched, err := f.source.Fetch(t.Context(), c, "")
	check(t, err)
	return certsync.Item[Content]{
		Certificate: c, Content: fetched.Content,
		Installed: certsync.Installed{FileName: c.FileName(), Version: fetched.Version, Leaf: fetched.Leaf},
	}
}

func (f *fixture) commit(t *testing.T, items ...certsync.Item[Content]) certsync.Committed {
	t.Helper()
	result, err := f.stores.Commit(f.dir, items)
	check(t, err)
	return result
}

// generation returns where the store's symlink points to: it changes with every write.
func (f *fixture) generation(t *testing.T) string {
	t.Helper()
	target, err := os.Readlink(filepath.Join(f.dir, "..data"))
	check(t, err)
	return target
}

func (f *fixture) read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(f.dir, name))
	check(t, err)
	return content
}

// wantSerial checks that the first certificate of a PEM file is a version of the vault.
func (f *fixture) wantSerial(t *testing.T, name string, want azure.Version) {
	t.Helper()
	block, _ := pem.Decode(f.read(t, name))
	if block == nil {
		t.Fatalf("%s is not a PEM file", name)
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	check(t, err)
	if got := leaf.SerialNumber.Text(16); got != want.Serial {
		t.Errorf("%s contains the certificate with serial number %s, want %s", name, got, want.Serial)
	}
}
