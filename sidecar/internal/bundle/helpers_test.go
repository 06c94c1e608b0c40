package bundle_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/bundle"
)

// entity is a key and a certificate for it.
type entity struct {
	cert *x509.Certificate
	key  crypto.Signer
}

var serial int64

type option func(*x509.Certificate)

func expires(years int) option {
	return func(c *x509.Certificate) { c.NotAfter = c.NotBefore.AddDate(years, 0, 0) }
}

func withoutKeyIDs(c *x509.Certificate) { c.SubjectKeyId, c.AuthorityKeyId = nil, nil }

func notCA(c *x509.Certificate) { c.IsCA = false }

// certify creates a certificate for key and name, signed by issuer, or by key if issuer is nil.
func certify(t testing.TB, name string, key crypto.Signer, issuer *entity, options ...option) *entity {
	t.Helper()
	serial++
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(serial),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:              time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC),
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	for _, o := range options {
		o(template)
	}
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.cert, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &entity{cert, key}
}

func issue(t testing.TB, name string, issuer *entity, options ...option) *entity {
	return certify(t, name, ecKey(t), issuer, options...)
}

func ecKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func edKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// rsaKey generates the key only once, because that is slow.
var rsaKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func mustRSA(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := rsaKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// chainOf creates a root, n intermediates and a leaf, and returns them leaf first.
func chainOf(t testing.TB, n int) []*entity {
	t.Helper()
	chain := []*entity{issue(t, "Root", nil)}
	for i := range n {
		chain = append([]*entity{issue(t, "CA "+string(rune('A'+i)), chain[0])}, chain...)
	}
	return append([]*entity{issue(t, "leaf.example", chain[0], notCA)}, chain...)
}

func pemOf(parts ...any) string {
	var out strings.Builder
	for _, p := range parts {
		switch p := p.(type) {
		case *entity:
			out.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.cert.Raw}))
		case *x509.Certificate:
			out.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Raw}))
		case crypto.Signer:
			out.Write(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8(p)}))
		case *pem.Block:
			out.Write(pem.EncodeToMemory(p))
		case string:
			out.WriteString(p)
		}
	}
	return out.String()
}

func pkcs8(key any) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return der
}

// p12 returns the secret value that Key Vault creates for the certificates, in this order, and a
// key.
func p12(t testing.TB, enc *pkcs12.Encoder, password string, key any, certs ...*entity) string {
	t.Helper()
	var others []*x509.Certificate
	for _, e := range certs[1:] {
		others = append(others, e.cert)
	}
	der, err := enc.Encode(key, certs[0].cert, others, password)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

func names(certs []*x509.Certificate) string {
	var out []string
	for _, c := range certs {
		out = append(out, bundle.CommonName(c))
	}
	return strings.Join(out, " < ")
}

func mustParse(t testing.TB, value string) *bundle.Bundle {
	t.Helper()
	b, err := bundle.Parse(value, "")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func reversed(in []*entity) []*entity {
	out := make([]*entity, 0, len(in))
	for _, e := range in {
		out = append([]*entity{e}, out...)
	}
	return out
}
