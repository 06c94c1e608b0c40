package bundle_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/bundle"
)

func TestParseFormats(t *testing.T) {
	chain := chainOf(t, 2)
	leaf := chain[0]
	sec1, err := x509.MarshalECPrivateKey(leaf.key.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	parameters := &pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}}
	rootFirst, leafFirst := reversed(chain), chain
	tests := map[string]string{
		"PKCS #12, root to leaf, AES":  p12(t, pkcs12.Modern2023, "", leaf.key, rootFirst...),
		"PKCS #12, root to leaf, RC2":  p12(t, pkcs12.LegacyRC2, "", leaf.key, rootFirst...),
		"PKCS #12, root to leaf, 3DES": p12(t, pkcs12.LegacyDES, "", leaf.key, rootFirst...),
		"PKCS #12, leaf to root":       p12(t, pkcs12.Modern2023, "", leaf.key, leafFirst...),
		"PKCS #12, no encryption":      p12(t, pkcs12.Passwordless, "", leaf.key, rootFirst...),
		"PKCS #12, PBMAC1":             p12(t, pkcs12.Modern2026, "", leaf.key, rootFirst...),
		"PKCS #12, several parts":      merged(t, trustStore(t, pkcs12.Passwordless, chain[3], chain[1]), p12(t, pkcs12.Passwordless, "", leaf.key, chain[2], leaf)),
		"PEM, key first":               pemOf(leaf.key, chain[0], chain[1], chain[2], chain[3]),
		"PEM, any order":               pemOf(chain[2], chain[0], leaf.key, chain[3], chain[1]),
		"PEM, SEC 1 key":               pemOf(parameters, &pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}, chain[0], chain[1], chain[2], chain[3]),
		"PEM, byte order mark":         "\ufeff" + pemOf(leaf.key, chain[0], chain[1], chain[2], chain[3]),
		"PEM, certificates twice":      pemOf(leaf.key, chain[0], chain[0], chain[1], chain[2], chain[2], chain[3], leaf.key),
		"PEM, with text, CR LF":        strings.ReplaceAll(pemOf("subject=leaf\n", leaf.key, chain[3], "issuer=CA\n", chain[2], chain[1], chain[0]), "\n", "\r\n"),
	}
	for name, value := range tests {
		t.Run(name, func(t *testing.T) {
			b := mustParse(t, value)
			if got, want := names(b.Chain()), "leaf.example < CA B < CA A < Root"; got != want {
				t.Errorf("chain %s, want %s", got, want)
			}
			if b.Root == nil || len(b.Intermediates) != 2 || b.Dropped != 0 {
				t.Errorf("root %v, %d intermediates, %d dropped", b.Root, len(b.Intermediates), b.Dropped)
			}
			if !leaf.key.(*ecdsa.PrivateKey).Equal(b.Key) {
				t.Error("the bundle has a different key")
			}
		})
	}
	spaced := tests["PKCS #12, no encryption"]
	mustParse(t, spaced[:40]+"\n"+spaced[40:]+"\n")
}

func TestParseKeys(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	root := issue(t, "Root", nil)
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]crypto.Signer{"RSA": mustRSA(t), "P-384": p384, "P-521": p521, "Ed25519": edKey(t)}
	for name, key := range keys {
		t.Run(name, func(t *testing.T) {
			leaf := certify(t, "leaf", key, root, notCA)
			for _, value := range []string{
				pemOf(root, leaf, key),
				p12(t, pkcs12.Modern2023, "", key, root, leaf),
			} {
				b := mustParse(t, value)
				if !b.Leaf.Equal(leaf.cert) {
					t.Errorf("got leaf %s, want %s", b.Leaf.Subject, leaf.cert.Subject)
				}
			}
		})
	}
	t.Run("PKCS #1", func(t *testing.T) {
		leaf := certify(t, "leaf", mustRSA(t), root, notCA)
		mustParse(t, pemOf(leaf, &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(mustRSA(t))}))
	})
}

func TestParseFindsTheKeyThatHasACertificate(t *testing.T) {
	leaf := issue(t, "leaf", nil)
	b := mustParse(t, pemOf(ecKey(t), leaf, leaf.key))
	if !leaf.key.(*ecdsa.PrivateKey).Equal(b.Key) {
		t.Error("the bundle has a different key")
	}
}

func TestParsePrefersTheNewestLeafOfAKey(t *testing.T) {
	root := issue(t, "Root", nil)
	key := ecKey(t)
	request := certify(t, "leaf", key, nil) // the self-signed placeholder until the CA issues
	first := certify(t, "leaf", key, root, notCA)
	second := certify(t, "leaf", key, root, notCA, func(c *x509.Certificate) { c.NotBefore = c.NotBefore.AddDate(0, 1, 0) })
	b := mustParse(t, pemOf(request, second, root, first, key))
	if !b.Leaf.Equal(second.cert) || b.Dropped != 2 {
		t.Errorf("got leaf %x and %d dropped, want the second leaf and 2 dropped", b.Leaf.SerialNumber, b.Dropped)
	}
}

func TestAccessors(t *testing.T) {
	leaf := issue(t, "leaf", nil)
	b := mustParse(t, pemOf(leaf, leaf.key))
	if !b.NotBefore().Equal(leaf.cert.NotBefore) || !b.NotAfter().Equal(leaf.cert.NotAfter) {
		t.Errorf("valid from %s to %s", b.NotBefore(), b.NotAfter())
	}
	if len(b.Fingerprint()) != 64 || strings.ToLower(b.Fingerprint()) != b.Fingerprint() {
		t.Errorf("fingerprint %s", b.Fingerprint())
	}
}

func TestLimits(t *testing.T) {
	leaf := issue(t, "leaf", nil)
	many := []any{leaf, leaf.key}
	for range bundle.MaxCertificates {
		many = append(many, issue(t, "unrelated", nil))
	}
	_ = wantReason(t, pemOf(many...), "", bundle.TooLarge)
	_ = wantReason(t, pemOf(leaf, leaf.key)+strings.Repeat("\n", bundle.MaxValueBytes), "", bundle.TooLarge)
	for _, enc := range []*pkcs12.Encoder{pkcs12.LegacyDES, pkcs12.Modern2023, pkcs12.Modern2026} {
		_ = wantReason(t, slow(t, p12(t, enc.WithIterations(0x010203), "", leaf.key, leaf)), "", bundle.TooLarge)
	}
}

// slow raises the iteration counts of a container that was created with 0x010203 iterations.
// Creating it with more iterations would take as long as the decryption that Parse refuses.
func slow(t *testing.T, value string) string {
	t.Helper()
	der, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		t.Fatal(err)
	}
	der = bytes.ReplaceAll(der, []byte{2, 3, 1, 2, 3}, []byte{2, 3, 0x7f, 0xff, 0xff})
	return base64.StdEncoding.EncodeToString(der)
}
