package bundle_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/bundle"
)

// Indexes of the fields of a certificate (RFC 5280, 4.1).
const (
	_ = iota // the version
	fieldSerial
	fieldAlgorithm
	fieldIssuer
	fieldValidity
	fieldSubject
	fieldKey
	fieldExtensions
)

// edited returns the certificate with some fields replaced, signed again by an EC key.
func edited(t testing.TB, e *entity, signer *ecdsa.PrivateKey, edit func(fields []asn1.RawValue)) *pem.Block {
	t.Helper()
	var fields []asn1.RawValue
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(asn1.Unmarshal(e.cert.RawTBSCertificate, &fields))
	signature := fields[fieldAlgorithm]
	edit(fields)
	tbs, err := asn1.Marshal(fields)
	must(nil, err)
	digest := sha256.Sum256(tbs)
	signed, err := ecdsa.SignASN1(rand.Reader, signer, digest[:])
	must(nil, err)
	der, err := asn1.Marshal(struct {
		TBS, Algorithm asn1.RawValue
		Signature      asn1.BitString
	}{asn1.RawValue{FullBytes: tbs}, signature, asn1.BitString{Bytes: signed, BitLength: 8 * len(signed)}})
	must(nil, err)
	return &pem.Block{Type: "CERTIFICATE", Bytes: der}
}

// name returns a name with one attribute of a string type.
func name(tag int, text string) asn1.RawValue {
	value := append([]byte{byte(tag), byte(len(text))}, text...)
	pair := append([]byte{0x30, byte(5 + len(value)), 6, 3, 0x55, 4, 3}, value...)
	set := append([]byte{0x31, byte(len(pair))}, pair...)
	return asn1.RawValue{FullBytes: append([]byte{0x30, byte(len(set))}, set...)}
}

func der(bytes ...byte) asn1.RawValue { return asn1.RawValue{FullBytes: bytes} }

// replaced returns a field with other bytes of the same length in it.
func replaced(field asn1.RawValue, old, replacement string) asn1.RawValue {
	return asn1.RawValue{FullBytes: []byte(strings.Replace(string(field.FullBytes), old, replacement, 1))}
}

// rawP12 returns a container with certificates that crypto/x509 refuses.
func rawP12(t testing.TB, enc *pkcs12.Encoder, key any, certs ...[]byte) string {
	t.Helper()
	var list []*x509.Certificate
	for _, raw := range certs {
		list = append(list, &x509.Certificate{Raw: raw})
	}
	out, err := enc.Encode(key, list[0], list[1:], "")
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(out)
}

// pkcs7 returns a PKCS #7 file with certificates (RFC 5652, 5.1).
func pkcs7(t *testing.T, certs ...*entity) []byte {
	t.Helper()
	var list []byte
	for _, c := range certs {
		list = append(list, c.cert.Raw...)
	}
	type info struct {
		ID      asn1.ObjectIdentifier
		Content asn1.RawValue `asn1:"explicit,tag:0,optional"`
	}
	empty := asn1.RawValue{Tag: asn1.TagSet, IsCompound: true}
	signed, err := asn1.Marshal(struct {
		Version int
		Digests asn1.RawValue
		Content struct{ ID asn1.ObjectIdentifier }
		Certs   asn1.RawValue
		Signers asn1.RawValue
	}{1, empty, struct{ ID asn1.ObjectIdentifier }{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}}, asn1.RawValue{Class: 2, IsCompound: true, Bytes: list}, empty})
	if err != nil {
		t.Fatal(err)
	}
	out, err := asn1.Marshal(info{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}, asn1.RawValue{Class: 2, IsCompound: true, Bytes: signed}})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// checkConsumers lets OpenSSL and keytool read the files, if they are installed.
func checkConsumers(t *testing.T, b *bundle.Bundle) {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		return
	}
	file := filepath.Join(t.TempDir(), "a.pem")
	if err := os.WriteFile(file, b.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "BEGIN CERTIFICATE", "openssl", "x509", "-in", file)
	run(t, "Key is valid", "openssl", "pkey", "-in", file, "-check", "-noout")
}
