package bundle_test

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/bundle"
)

// wantReason checks the reason of the error that Parse returns, and returns the error.
func wantReason(t *testing.T, value, contentType string, want bundle.Reason) *bundle.Error {
	t.Helper()
	_, err := bundle.Parse(value, contentType)
	var e *bundle.Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want one with the reason %s", err, want)
	}
	if e.Reason != want {
		t.Fatalf("got reason %s (%v), want %s", e.Reason, e, want)
	}
	if e.Problem == "" || e.Remedy == "" {
		t.Errorf("%q lacks the problem or the remedy", e)
	}
	return e
}

func TestErrors(t *testing.T) {
	chain := chainOf(t, 1)
	leaf, ca := chain[0], chain[1]
	other := issue(t, "other", nil)
	good := pemOf(leaf, ca, leaf.key)
	container := p12(t, pkcs12.Modern2023, "", leaf.key, leaf)
	xKey, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	withKey := func(blockType string, der []byte, headers map[string]string) string {
		return pemOf(leaf, &pem.Block{Type: blockType, Bytes: der, Headers: headers})
	}
	tests := []struct {
		name, value, contentType string
		want                     bundle.Reason
		wantText                 string
	}{
		{"plain secret", "hunter2", "", bundle.NotCertificate, "the secret is not a certificate"},
		{"plain secret that is base64", "password", "text/plain", bundle.NotCertificate, "the secret is not a certificate"},
		{"empty", "", "", bundle.NotCertificate, "the secret is not a certificate"},
		{"declared PKCS #12", "hunter2", "application/x-pkcs12", bundle.NotCertificate, "its content type is application/x-pkcs12"},
		{"declared PEM", "hunter2", "Application/X-PEM-File; charset=utf-8", bundle.NotCertificate, "its content type is application/x-pem-file"},
		{"key only", pemOf(leaf.key), "", bundle.NotCertificate, "contains no certificate"},
		{"PEM without key", pemOf(leaf, ca), "application/x-pem-file", bundle.NoPrivateKey, "not exportable"},
		{"PKCS #12 without key, AES", trustStore(t, pkcs12.Modern2023, leaf, ca), "", bundle.NoPrivateKey, "not exportable"},
		{"PKCS #12 without key, RC2", trustStore(t, pkcs12.LegacyRC2, leaf, ca), "", bundle.NoPrivateKey, "not exportable"},
		{"PKCS #12 without key, plain", trustStore(t, pkcs12.Passwordless, leaf, ca), "", bundle.NoPrivateKey, "not exportable"},
		{"PKCS #12 with password", p12(t, pkcs12.Modern2023, "secret", leaf.key, leaf), "", bundle.PasswordProtected, "password"},
		{"PKCS #12 with password, RC2", p12(t, pkcs12.LegacyRC2, "secret", leaf.key, leaf), "", bundle.PasswordProtected, "password"},
		{"encrypted PKCS #8", withKey("ENCRYPTED PRIVATE KEY", []byte{0x30, 0}, nil), "", bundle.PasswordProtected, "password"},
		{"encrypted PKCS #1",
			withKey("RSA PRIVATE KEY", []byte{1}, map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}),
			"", bundle.PasswordProtected, "password"},
		{"key of another certificate", pemOf(leaf, ca, other.key), "", bundle.KeyMismatch, "none of the 2 certificates"},
		{"key of another certificate in PKCS #12",
			p12(t, pkcs12.Modern2023, "", other.key, leaf, ca),
			"", bundle.KeyMismatch, "none of the 2 certificates"},
		{"two pairs", pemOf(leaf, leaf.key, other, other.key), "", bundle.SeveralKeys, "several private keys"},
		{"two pairs in PKCS #12",
			merged(t, p12(t, pkcs12.Passwordless, "", leaf.key, leaf), p12(t, pkcs12.Passwordless, "", other.key, other)),
			"", bundle.SeveralKeys, "several private keys"},
		{"PKCS #12 with many parts without key",
			merged(t, trustStore(t, pkcs12.Passwordless, leaf), trustStore(t, pkcs12.Passwordless, ca), trustStore(t, pkcs12.Passwordless, other)),
			"", bundle.NoPrivateKey, "not exportable"},
		{"PKCS #12 with too many parts",
			merged(t, slices.Repeat([]string{trustStore(t, pkcs12.Passwordless, ca)}, bundle.MaxCertificates+2)...),
			"", bundle.TooLarge, "34 parts"},
		{"X25519", withKey("PRIVATE KEY", pkcs8(xKey), nil), "", bundle.Unsupported, "an X25519 key"},
		{"DSA", withKey("DSA PRIVATE KEY", []byte{0x30, 0}, nil), "", bundle.Unsupported, "a DSA key"},
		{"OpenSSH", withKey("OPENSSH PRIVATE KEY", []byte("openssh-key-v1"), nil), "", bundle.Unsupported, "OpenSSH format"},
		{"damaged key", withKey("PRIVATE KEY", pkcs8(leaf.key)[:40], nil), "", bundle.Malformed, "damaged"},
		{"damaged leaf",
			pemOf(ca, leaf.key, &pem.Block{Type: "CERTIFICATE", Bytes: leaf.cert.Raw[:80]}),
			"", bundle.Malformed, "certificate 2 of the secret cannot be parsed (x509: malformed certificate)"},
		{"truncated key", good[:len(good)-60], "", bundle.Malformed, `the PEM block of the private key ("PRIVATE KEY") is truncated`},
		{"truncated PKCS #12", container[:len(container)/2&^3], "", bundle.Malformed, "damaged or truncated"},
		{"PKCS #12 in BER", base64.StdEncoding.EncodeToString([]byte{0x30, 0x80, 2, 1, 3, 0, 0}), "", bundle.Unsupported, "BER"},
		{"DER of a certificate", base64.StdEncoding.EncodeToString(leaf.cert.Raw), "", bundle.NoPrivateKey, "no private key"},
		{"DER of a key", base64.StdEncoding.EncodeToString(pkcs8(leaf.key)), "", bundle.NotCertificate, "contains no certificate"},
		{"DER of something else", base64.StdEncoding.EncodeToString([]byte{0x30, 3, 2, 1, 5}), "", bundle.Malformed, "not a PKCS #12"},
		{"JKS", base64.StdEncoding.EncodeToString([]byte("\xfe\xed\xfe\xed\x00\x00\x00\x02")), "", bundle.Unsupported, "Java keystore"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := wantReason(t, tt.value, tt.contentType, tt.want)
			if !strings.Contains(e.Error(), tt.wantText) {
				t.Errorf("error %q does not contain %q", e, tt.wantText)
			}
			for _, key := range [][]byte{pkcs8(leaf.key), pkcs8(other.key), pkcs8(xKey)} {
				checkNoLeak(t, e.Error(), key)
			}
		})
	}
}

// checkNoLeak fails if the text contains eight consecutive bytes of the key in any common notation.
func checkNoLeak(t *testing.T, text string, key []byte) {
	t.Helper()
	lower := strings.ToLower(text)
	for i := 0; i+8 <= len(key); i++ {
		part := key[i : i+8]
		numbers := strings.Trim(fmt.Sprintf("%d", part), "[]")
		if strings.Contains(text, string(part)) || strings.Contains(lower, hex.EncodeToString(part)) || strings.Contains(text, numbers) {
			t.Fatal("the error contains a part of the private key")
		}
	}
	encoded := base64.StdEncoding.EncodeToString(key)
	for i := 0; i+12 <= len(encoded); i++ {
		if strings.Contains(text, encoded[i:i+12]) {
			t.Fatal("the error contains a part of the private key")
		}
	}
}

// merged returns one container with the parts of all given containers, which must not have a MAC.
func merged(t *testing.T, containers ...string) string {
	t.Helper()
	type content struct {
		Type asn1.ObjectIdentifier
		Data []byte `asn1:"tag:0,explicit"`
	}
	type pfx struct {
		Version int
		Safe    content
	}
	var all pfx
	var parts []asn1.RawValue
	for _, container := range containers {
		der, err := base64.StdEncoding.DecodeString(container)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := asn1.Unmarshal(der, &all); err != nil {
			t.Fatal(err)
		}
		var some []asn1.RawValue
		if _, err := asn1.Unmarshal(all.Safe.Data, &some); err != nil {
			t.Fatal(err)
		}
		parts = append(parts, some...)
	}
	var err error
	if all.Safe.Data, err = asn1.Marshal(parts); err != nil {
		t.Fatal(err)
	}
	der, err := asn1.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

func trustStore(t *testing.T, enc *pkcs12.Encoder, certs ...*entity) string {
	t.Helper()
	var list []*x509.Certificate
	for _, e := range certs {
		list = append(list, e.cert)
	}
	der, err := enc.EncodeTrustStore(list, "")
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}
