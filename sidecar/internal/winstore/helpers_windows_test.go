package winstore

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/bundle"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fixture is a store that exists only during a test.
type fixture struct {
	name   string // location and name
	stores *Stores[bundle.Bundle]
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	return newFixtureIn(t, "CurrentUser")
}

func newFixtureIn(t *testing.T, where string) *fixture {
	t.Helper()
	f := &fixture{name: where + `\` + rand.Text()}
	createStore(t, f.name)
	f.restart(t)
	return f
}

// restart makes the fixture use the store like a new process.
func (f *fixture) restart(t *testing.T) {
	t.Helper()
	if f.stores != nil {
		f.unlock()
	}
	f.stores = New(func(b *bundle.Bundle) (*bundle.Bundle, error) { return b, nil })
	t.Cleanup(f.unlock)
}

func (f *fixture) unlock() {
	for _, handle := range f.stores.locks {
		_ = windows.CloseHandle(handle)
	}
	clear(f.stores.locks)
}

func createStore(t *testing.T, name string) {
	t.Helper()
	s := openRaw(t, name)
	check(t, s.close())
	t.Cleanup(func() {
		const deleteStore = 0x10 // CERT_STORE_DELETE_FLAG; the function returns no handle
		where, short := split(name)
		utf16, err := windows.UTF16PtrFromString(short)
		check(t, err)
		_, _ = windows.CertOpenStore(windows.CERT_STORE_PROV_SYSTEM, 0, 0, places[where].flag|deleteStore, uintptr(unsafe.Pointer(utf16)))
	})
}

func openRaw(t *testing.T, name string) *systemStore {
	t.Helper()
	where, short := split(name)
	utf16, err := windows.UTF16PtrFromString(short)
	check(t, err)
	handle, err := windows.CertOpenStore(windows.CERT_STORE_PROV_SYSTEM, 0, 0, places[where].flag, uintptr(unsafe.Pointer(utf16)))
	check(t, err)
	return &systemStore{name: name, place: places[where], handle: handle}
}

// rsaKey returns the same key for each call with the same number: generating one takes time.
var rsaKey = func() func(n int) *rsa.PrivateKey {
	var mu sync.Mutex
	keys := map[int]*rsa.PrivateKey{}
	return func(n int) *rsa.PrivateKey {
		mu.Lock()
		defer mu.Unlock()
		if keys[n] == nil {
			key, err := rsa.GenerateKey(rand.Reader, 2048)
			if err != nil {
				panic(err)
			}
			keys[n] = key
		}
		return keys[n]
	}
}()

// issue returns the bundle of a certificate below an intermediate and a root.
func issue(t *testing.T, name string, key crypto.Signer) *bundle.Bundle {
	t.Helper()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := func(cn string, ca bool) *x509.Certificate {
		serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
		check(t, err)
		return &x509.Certificate{
			SerialNumber: serial, Subject: pkix.Name{CommonName: cn}, DNSNames: []string{name}, IsCA: ca, BasicConstraintsValid: true,
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		}
	}
	sign := func(c, parent *x509.Certificate, public crypto.PublicKey) []byte {
		der, err := x509.CreateCertificate(rand.Reader, c, parent, public, caKey)
		check(t, err)
		return der
	}
	root, intermediate := template("root of "+name, true), template("intermediate of "+name, true)
	var text []byte
	for _, der := range [][]byte{
		sign(template(name, false), intermediate, key.Public()), sign(intermediate, root, caKey.Public()), sign(root, root, caKey.Public()),
	} {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
	b, err := bundle.Parse(string(text), "application/x-pem-file")
	check(t, err)
	return b
}

// certificate returns the settings of a certificate in the fixture's store.
func (f *fixture) certificate(name string) contract.Certificate {
	return contract.Certificate{
		URL: "https://shop.vault.azure.net/secrets/" + name, VaultName: "shop", Name: name, Store: f.name, LinkName: "shop." + name,
		Windows: contract.WindowsKey{LinkOnRenewal: true},
	}
}

func item(c contract.Certificate, version string, b *bundle.Bundle) certsync.Item[bundle.Bundle] {
	return certsync.Item[bundle.Bundle]{
		Certificate: c, Installed: certsync.Installed{FileName: c.FileName(), Version: version}, Content: b,
	}
}

// commit commits items that must succeed.
func (f *fixture) commit(t *testing.T, items ...certsync.Item[bundle.Bundle]) certsync.Committed {
	t.Helper()
	result, err := f.stores.Commit(f.name, items)
	check(t, err)
	if len(result.Failed)+len(result.Missing) > 0 {
		t.Fatalf("failed: %v, missing: %v", result.Failed, result.Missing)
	}
	return result
}

// entry is a certificate in a store, as the tests see it.
type entry struct {
	Thumbprint, Renewal thumbprint
	Version             string
	Key                 bool
}

// contents returns what a store contains.
func contents(t *testing.T, name string) map[thumbprint]entry {
	t.Helper()
	s := openRaw(t, name)
	list, err := s.list()
	check(t, err)
	found := map[thumbprint]entry{}
	for _, in := range list {
		e := entry{Thumbprint: in.thumbprint, Version: in.Version, Key: property(in.context, propKeyProvider) != nil}
		copy(e.Renewal[:], property(in.context, propRenewal))
		found[in.thumbprint] = e
	}
	release(list)
	check(t, s.close())
	return found
}

func sum(c *x509.Certificate) thumbprint { return sha1.Sum(c.Raw) }

func print(b *bundle.Bundle) thumbprint { return sum(b.Leaf) }

func split(name string) (where, short string) {
	where, short, _ = strings.Cut(name, `\`)
	return where, short
}

// versions returns the versions of all certificates in the fixture's store, sorted.
func (f *fixture) versions(t *testing.T) []string {
	t.Helper()
	var list []string
	for _, e := range contents(t, f.name) {
		list = append(list, e.Version)
	}
	slices.Sort(list)
	return list
}
