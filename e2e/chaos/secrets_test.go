package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
)

const testVault = "example-vault.vault.azure.net"

// A key or a token is found in each form in which it can leak, and in a part of it.
func TestScannerFinds(t *testing.T) {
	e, err := azure.New(azure.Options{Config: azure.Config{
		Vaults: []azure.Vault{{Host: testVault, Tenant: "t"}},
		Certificates: []azure.Certificate{
			{Vault: testVault, Name: "ec", Key: azure.ECP256},
			{Vault: testVault, Name: "rsa", Key: azure.RSA2048},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	s := newScanner()
	s.watch(e)
	s.scan(t.Context())
	c, err := e.Confidential(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string][]byte{"PKCS #12": []byte(c.Values[0][1000:1100])}
	for i, der := range c.Keys {
		key, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("%T", key)
		texts[name+" PEM"] = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
		texts[name+" DER"] = der
		texts[name+" hexadecimal"] = []byte(hex.EncodeToString(der))
		texts[name+" base64 in JSON"] = fmt.Appendf(nil, `{"value":%q}`, base64.StdEncoding.EncodeToString(der))
		switch k := key.(type) {
		case *ecdsa.PrivateKey:
			sec1, err := x509.MarshalECPrivateKey(k)
			if err != nil {
				t.Fatal(err)
			}
			texts[name+" SEC 1"] = pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1})
			raw, err := k.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			texts[name+" decimal"] = decimal(raw)
		case *rsa.PrivateKey:
			texts[name+" PKCS #1"] = x509.MarshalPKCS1PrivateKey(k)
			texts[name+" printed"] = fmt.Appendf(nil, "%v", k)
			line := bytes.Split(texts[name+" PEM"], []byte("\n"))[15]
			texts[name+" one line"] = line
		default:
			t.Fatalf("key %d is a %T", i, key)
		}
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			s.add(name, text)
			before := s.found.violations
			s.scan(t.Context())
			if s.found.violations != before+1 {
				t.Error("not found")
			}
		})
	}
}

// What is public is not found, so that a violation means something.
func TestScannerSparesPublic(t *testing.T) {
	e, err := azure.New(azure.Options{Config: azure.Config{
		Vaults:       []azure.Vault{{Host: testVault, Tenant: "t"}},
		Certificates: []azure.Certificate{{Vault: testVault, Name: "ec"}, {Vault: testVault, Name: "pem", Key: azure.RSA2048, Encoding: azure.PEMEncoded}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	s := newScanner()
	s.watch(e)
	for _, name := range []string{"ec", "pem"} {
		versions, err := e.Versions(t.Context(), azure.SecretRef{Vault: testVault, Name: name})
		if err != nil {
			t.Fatal(err)
		}
		s.add("chain", []byte(versions[0].ChainPEM))
	}
	s.scan(t.Context())
	if s.found.violations != 0 {
		t.Error(s.found.shown)
	}
}

// A piece that is written in two parts, before and after a scan, is found.
func TestScannerJoinsWrites(t *testing.T) {
	s := newScanner()
	const secret = "0123456789abcdef"
	s.split([]byte(secret), "a token")
	w := s.writer("log")
	for _, part := range []string{strings.Repeat("x", 1000) + secret[:7], secret[7:]} {
		if _, err := w.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
		s.scan(t.Context())
	}
	if s.found.violations != 1 {
		t.Error("not found")
	}
	s.scan(t.Context())
	if s.found.violations != 1 {
		t.Error("found twice")
	}
}

// Without a key or token to search for, the result is a violation.
func TestScannerWithoutSecrets(t *testing.T) {
	if l := newScanner().result(); l.violations != 1 {
		t.Error(l.summary())
	}
}
