package azure_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
)

// content is the value of a certificate-backed secret. Where possible, it is read with other code
// than the code that wrote it.
type content struct {
	certs []*x509.Certificate
	key   crypto.Signer // nil without a key
	first string        // type of the first PEM block
}

func (f *fixture) content(name string) content {
	f.t.Helper()
	got, err := f.secrets(vaultHost).GetSecret(f.t.Context(), name, "", nil)
	check(f.t, err)
	switch *got.ContentType {
	case "application/x-pkcs12":
		data, err := base64.StdEncoding.DecodeString(*got.Value)
		check(f.t, err)
		return decodePKCS12(f.t, data)
	case "application/x-pem-file":
		return decodePEM(f.t, []byte(*got.Value))
	}
	f.t.Fatalf("content type %q", *got.ContentType)
	return content{}
}

func decodePKCS12(t *testing.T, data []byte) (c content) {
	t.Helper()
	key, first, rest, err := pkcs12.DecodeChain(data, "")
	if err != nil {
		// Without a key, the library does not return a chain.
		c.certs, err = pkcs12.DecodeTrustStore(data, "")
		check(t, err)
		return c
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		t.Fatalf("key of type %T", key)
	}
	return content{certs: append([]*x509.Certificate{first}, rest...), key: signer}
}

func decodePEM(t *testing.T, data []byte) (c content) {
	t.Helper()
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if c.first == "" {
			c.first = block.Type
		}
		if block.Type == "PRIVATE KEY" {
			key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			check(t, err)
			c.key, _ = key.(crypto.Signer)
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		check(t, err)
		c.certs = append(c.certs, cert)
	}
	return c
}

// leaf returns the certificate of the key and its position.
func (c content) leaf(t *testing.T) (*x509.Certificate, int) {
	t.Helper()
	i := slices.IndexFunc(c.certs, func(cert *x509.Certificate) bool {
		public, ok := c.key.Public().(interface{ Equal(crypto.PublicKey) bool })
		return ok && public.Equal(cert.PublicKey)
	})
	if i < 0 {
		t.Fatal("no certificate belongs to the key")
	}
	return c.certs[i], i
}

// Chains of every encoding, order and length can be parsed, verify against the issuing root, and
// have their leaf where Key Vault puts it.
func TestEncodings(t *testing.T) {
	f := newFixture(t)
	for _, encoding := range []string{azure.PKCS12AES, azure.PKCS12DES, azure.PKCS12RC2, azure.PEMEncoded} {
		for length := 1; length <= 4; length++ {
			for _, order := range []string{azure.OrderKeyVault, azure.OrderLeafFirst, azure.OrderRootFirst, azure.OrderShuffled} {
				name := fmt.Sprintf("c-%s-%d-%s", encoding, length, order)
				t.Run(name, func(t *testing.T) {
					version, err := f.CreateCertificate(t.Context(), azure.Certificate{
						Vault: vaultHost, Name: name, DNSNames: []string{"app.example"}, Chain: length, Encoding: encoding, Order: order,
					})
					check(t, err)
					c := f.content(name)
					leaf, at := c.leaf(t)
					if len(c.certs) != length || at != wantPlace(encoding, order, length) {
						t.Errorf("%d certificates, leaf at %d; want %d, at %d", len(c.certs), at, length, wantPlace(encoding, order, length))
					}
					verify(t, leaf, c.certs, f.IssuerRootPEM(), length)
					if encoding == azure.PEMEncoded && c.first != "PRIVATE KEY" {
						t.Errorf("the PEM begins with %s", c.first)
					}
					if leaf.SerialNumber.Text(16) != version.Serial || !bytes.HasPrefix([]byte(version.ChainPEM), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw})) {
						t.Error("the version's serial or chain does not match the leaf")
					}
				})
			}
		}
	}
}

func wantPlace(encoding, order string, length int) int {
	switch {
	case order == azure.OrderRootFirst, order == azure.OrderKeyVault && encoding != azure.PEMEncoded:
		return length - 1
	case order == azure.OrderShuffled && length > 1:
		return 1
	}
	return 0
}

func verify(t *testing.T, leaf *x509.Certificate, certs []*x509.Certificate, root []byte, length int) {
	t.Helper()
	roots, others := x509.NewCertPool(), x509.NewCertPool()
	if length == 1 {
		roots.AddCert(leaf) // self-signed
	} else if !roots.AppendCertsFromPEM(root) {
		t.Fatal("the issuing root is missing")
	}
	for _, c := range certs {
		others.AddCert(c)
	}
	chains, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: others, DNSName: "app.example"})
	if err != nil || len(chains[0]) != length {
		t.Errorf("verification: %v, %d chains", err, len(chains))
	}
}

// A renewal has a new serial number and a new key of the same type, unless ReuseKey is set.
func TestKeys(t *testing.T) {
	f := newFixture(t)
	for _, kind := range []string{azure.ECP256, azure.ECP384, azure.RSA2048, azure.RSA4096} {
		t.Run(kind, func(t *testing.T) {
			_, err := f.CreateCertificate(t.Context(), azure.Certificate{Vault: vaultHost, Name: kind, Key: kind})
			check(t, err)
			var seen []string
			for _, reuse := range []bool{false, true, false} {
				_, err := f.Renew(t.Context(), azure.Renewal{Vault: vaultHost, Name: kind, ReuseKey: reuse})
				check(t, err)
				c := f.content(kind)
				der, err := x509.MarshalPKIXPublicKey(c.key.Public())
				check(t, err)
				seen = append(seen, string(der))
				if got := keyKind(c.key); got != kind {
					t.Errorf("a key of type %s", got)
				}
			}
			if seen[0] != seen[1] || seen[1] == seen[2] {
				t.Error("the key was reused without ReuseKey, or not reused with it")
			}
		})
	}
}

func keyKind(key crypto.Signer) string {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return fmt.Sprintf("RSA-%d", k.N.BitLen())
	case *ecdsa.PrivateKey:
		return fmt.Sprintf("EC-P%d", k.Curve.Params().BitSize)
	}
	return fmt.Sprintf("%T", key)
}

// The validity, a missing root and a missing key are as requested.
func TestCertificateOptions(t *testing.T) {
	f := newFixture(t)
	start := time.Date(2100, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, encoding := range []string{azure.PKCS12AES, azure.PEMEncoded} {
		_, err := f.CreateCertificate(t.Context(), azure.Certificate{
			Vault: vaultHost, Name: "future", Encoding: encoding, NotBefore: start, NotAfter: start.Add(time.Hour),
			Chain: 3, OmitRoot: true, NonExportable: true, CommonName: "common", IPAddresses: []string{"10.0.0.1"},
		})
		check(t, err)
		c := f.content("future")
		if c.key != nil || len(c.certs) != 2 {
			t.Fatalf("%s: key %T, %d certificates; want none and 2", encoding, c.key, len(c.certs))
		}
		leaf := c.certs[slices.IndexFunc(c.certs, func(c *x509.Certificate) bool { return !c.IsCA })]
		if !leaf.NotBefore.Equal(start) || !leaf.NotAfter.Equal(start.Add(time.Hour)) || leaf.Subject.CommonName != "common" || leaf.IPAddresses[0].String() != "10.0.0.1" {
			t.Errorf("%s: unexpected leaf, valid %s to %s", encoding, leaf.NotBefore, leaf.NotAfter)
		}
	}
}

// An imported certificate keeps its bytes and has the attributes of a certificate.
func TestImported(t *testing.T) {
	f := newFixture(t)
	_, err := f.CreateSecret(t.Context(), azure.Secret{Vault: vaultHost, Name: "imported", Value: "any bytes", ContentType: "application/x-pkcs12", Managed: true})
	check(t, err)
	got, err := f.secrets(vaultHost).GetSecret(t.Context(), "imported", "", nil)
	check(t, err)
	if *got.Value != "any bytes" || got.KID == nil || !*got.Managed {
		t.Errorf("unexpected secret %+v", got.Secret)
	}
	if _, err := f.Renew(t.Context(), azure.Renewal{Vault: vaultHost, Name: "imported"}); !errors.Is(err, azure.ErrInvalid) {
		t.Errorf("renewal of an import: %v", err)
	}
}

// With CADir, the roots outlive the emulator.
func TestCAsKept(t *testing.T) {
	dir := t.TempDir()
	var seen []azure.Roots
	for range 2 {
		e, err := azure.New(azure.Options{CADir: dir})
		check(t, err)
		roots, err := e.Roots(t.Context())
		check(t, err)
		seen = append(seen, roots)
	}
	if diff := cmp.Diff(seen[0], seen[1]); diff != "" || seen[0].TLS == seen[0].Issuer {
		t.Errorf("the roots have changed, or both are the same:\n%s", diff)
	}
}
