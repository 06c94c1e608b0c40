package bundle

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"io"
	"testing"
)

// TestSalts checks that only keystores with the same contents get the same salts.
func TestSalts(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	otherKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	bundleOf := func(key *ecdsa.PrivateKey, raw string) *Bundle {
		return &Bundle{Key: key, Leaf: &x509.Certificate{Raw: []byte(raw)}}
	}
	read := func(b *Bundle, format, password string) []byte {
		r, err := b.salts(format, password)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil || len(data) != saltBytes {
			t.Fatalf("got %d salt bytes, error %v", len(data), err)
		}
		return data
	}
	one := read(bundleOf(key, "a"), "jks", "changeit")
	if !bytes.Equal(one, read(bundleOf(key, "a"), "jks", "changeit")) {
		t.Error("the same keystore gets different salts")
	}
	for name, other := range map[string][]byte{
		"key":         read(bundleOf(otherKey, "a"), "jks", "changeit"),
		"certificate": read(bundleOf(key, "b"), "jks", "changeit"),
		"format":      read(bundleOf(key, "a"), "pkcs12", "changeit"),
		"password":    read(bundleOf(key, "a"), "jks", "changeit2"),
	} {
		if bytes.Equal(one[:16], other[:16]) {
			t.Errorf("a keystore with a different %s gets the same salt", name)
		}
	}
}
