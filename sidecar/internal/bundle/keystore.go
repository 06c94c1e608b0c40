package bundle

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"
)

// KeystoreAlias is the alias of the only entry of a JKS keystore.
const KeystoreAlias = "certificate"

// saltBytes is more than the salts and initialization vectors of any keystore need.
const saltBytes = 1024

// PKCS12 returns a PKCS #12 container (AES-256, SHA-256) with the key and the chain. The password
// must be printable ASCII and not empty, so that Java can open the container; otherwise PKCS12
// returns an *Error with the reason BadPassword. The same bundle and password give the same bytes.
func (b *Bundle) PKCS12(password string) ([]byte, error) {
	if err := checkPassword(password); err != nil {
		return nil, err
	}
	salts, err := b.salts("pkcs12", password)
	if err != nil {
		return nil, err
	}
	out, err := pkcs12.Modern2023.WithRand(salts).Encode(b.Key, b.Leaf, b.Chain()[1:], password)
	if err != nil {
		return nil, cannotEncode("PKCS #12")
	}
	return out, nil
}

// JKS returns a Java keystore with one entry, KeystoreAlias, which has the key and the chain. The
// rules of PKCS12 for the password apply, and the same bundle and password give the same bytes.
func (b *Bundle) JKS(password string) ([]byte, error) {
	if err := checkPassword(password); err != nil {
		return nil, err
	}
	salts, err := b.salts("jks", password)
	if err != nil {
		return nil, err
	}
	entry := keystore.PrivateKeyEntry{
		CreationTime: b.NotBefore(),
		PrivateKey:   b.keyDER(),
	}
	for _, c := range b.Chain() {
		entry.CertificateChain = append(entry.CertificateChain, keystore.Certificate{Type: "X.509", Content: c.Raw})
	}
	store := keystore.New(keystore.WithCustomRandomNumberGenerator(salts))
	if err := store.SetPrivateKeyEntry(KeystoreAlias, entry, []byte(password)); err != nil {
		return nil, cannotEncode("JKS")
	}
	var out bytes.Buffer
	if err := store.Store(&out, []byte(password)); err != nil {
		return nil, cannotEncode("JKS")
	}
	return out.Bytes(), nil
}

// checkPassword rejects passwords that one of the formats or its readers encode differently: Java
// accepts only ASCII for PKCS #12, and the JKS encoder writes the password byte by byte.
func checkPassword(password string) error {
	bad := func(problem string) error {
		return &Error{BadPassword, problem, "use at least 6 printable ASCII characters (keytool accepts no fewer)"}
	}
	if password == "" {
		return bad("the keystore password is empty")
	}
	for _, c := range []byte(password) {
		if c < ' ' || c > '~' {
			return bad("the keystore password contains a character that is not printable ASCII")
		}
	}
	return nil
}

// salts returns the source of a keystore's salts and initialization vectors, in place of random
// numbers. It derives them (RFC 5869) from the complete contents of the keystore, so that equal
// salts mean equal keystores: files do not change over a restart, and an observer learns nothing
// else.
func (b *Bundle) salts(format, password string) (io.Reader, error) {
	secret := b.keyDER()
	for _, c := range b.Chain() {
		secret = append(secret, c.Raw...)
	}
	salts, err := hkdf.Key(sha256.New, secret, []byte(password), "certsync keystore "+format, saltBytes)
	if err != nil {
		return nil, cannotEncode(format)
	}
	return bytes.NewReader(salts), nil
}

func cannotEncode(format string) *Error {
	return &Error{Unsupported, fmt.Sprintf("the certificate cannot be written as %s", format),
		"remove this format from the certificate's formats"}
}
