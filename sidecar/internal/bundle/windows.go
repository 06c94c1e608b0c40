package bundle

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"

	"software.sslmate.com/src/go-pkcs12"
)

// WindowsPKCS12 returns a PKCS #12 container with the leaf and the key that all versions of Windows
// can import: many cannot read AES and SHA-256. The encryption (triple DES, SHA-1) is weak. Use a
// random password, and do not write the container to a file.
//
// The error is an *Error with the reason Unsupported if Windows does not support the key.
func (b *Bundle) WindowsPKCS12(password string) ([]byte, error) {
	if _, ok := b.Key.(ed25519.PrivateKey); ok {
		return nil, &Error{Unsupported, "certificate stores of Windows do not support Ed25519 keys",
			"issue the certificate with an RSA or EC key"}
	}
	out, err := pkcs12.LegacyDES.Encode(b.Key, b.Leaf, nil, password)
	if err != nil {
		return nil, cannotEncode("PKCS #12 for Windows")
	}
	return out, nil
}

// KeyType returns the algorithm and size of the key for people, as in "RSA, 2048 bits".
func (b *Bundle) KeyType() string {
	switch key := b.Key.(type) {
	case *rsa.PrivateKey:
		return fmt.Sprintf("RSA, %d bits", key.N.BitLen())
	case *ecdsa.PrivateKey:
		return "EC, " + key.Curve.Params().Name
	default:
		return "Ed25519"
	}
}
