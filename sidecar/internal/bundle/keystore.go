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

// KeystoreAlias is the name of the one entry of a JKS keystore.
const KeystoreAlias = "certificate"

// saltBytes is more than any keystore takes for its salts and initialisation vectors.
const saltBytes = 1024

// PKCS12 returns a PKCS #12 container (AES-256, SHA-256) of key and chain. The password must be
// printable ASCII and not empty, which is what Java can open; otherwise an *Error with BadPassword
// comes back. The same bundle and password give the same bytes.
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

// JKS returns a Java keystore with one entry, KeystoreAlias, of key and chain. The same holds for the
// password and the bytes as for PKCS12.
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

// checkPassword refuses what one of the formats or its readers take differently: Java takes nothing
// but ASCII for PKCS #12, and its own format is written here byte by byte.
func checkPassword(password string) error {
	bad := func(what string) error {
		return &Error{BadPassword, what, "use 6 or more printable ASCII characters, the fewest that keytool takes"}
	}
	if password == "" {
		return bad("the keystore password is empty")
	}
	for _, c := range []byte(password) {
		if c < ' ' || c > '~' {
			return bad("the keystore password has a character that is not printable ASCII")
		}
	}
	return nil
}

// salts returns what is used where a keystore takes random numbers, which is for salts and
// initialisation vectors. They are derived (RFC 5869) from everything that the keystore is made of, so
// that they are the same only where the keystore is: a restart then finds its files unchanged, and
// nothing is given away but that.
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
		"leave the format out of the certificate's formats"}
}
