// Package bundle turns what Key Vault keeps as the secret of a certificate (PKCS #12 or PEM) into a
// checked Bundle, and a Bundle into the files that programs read: PEM, split files, PKCS #12, JKS.
//
// It guarantees that the key of a Bundle belongs to its leaf, that every certificate in it was signed
// by the next one, and that the same input gives the same bytes out. It judges no trust and no dates:
// whether a chain is trusted is up to whoever verifies it, and an expired leaf may be all there is.
//
// It does no I/O, reads no clock, and puts nothing of a private key or password into an error.
package bundle

import (
	"crypto"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"strings"
	"time"
)

// Bundle is a leaf with its private key and as much of its chain as was there.
// Only Parse makes one; it must not be changed.
type Bundle struct {
	// Leaf is the certificate whose public key is that of Key.
	Leaf *x509.Certificate
	// Intermediates are in issuing order: the first issued Leaf, each next one the one before it.
	// The last one's issuer may be missing.
	Intermediates []*x509.Certificate
	// Root is the self-signed certificate at the end of the chain. It is nil where the chain ends
	// before it, and where Leaf itself is self-signed.
	Root *x509.Certificate
	// Key is an *rsa.PrivateKey, an *ecdsa.PrivateKey or an ed25519.PrivateKey.
	Key crypto.Signer
	// Dropped counts the certificates that were there but are no part of the chain.
	Dropped int
}

// Chain returns leaf, intermediates in issuing order, and the root where there is one: the order that
// RFC 5246, 7.4.2 asks of a server.
func (b *Bundle) Chain() []*x509.Certificate {
	chain := make([]*x509.Certificate, 0, len(b.Intermediates)+2)
	chain = append(chain, b.Leaf)
	chain = append(chain, b.Intermediates...)
	if b.Root != nil {
		chain = append(chain, b.Root)
	}
	return chain
}

// NotBefore returns the first moment at which the leaf is valid.
func (b *Bundle) NotBefore() time.Time { return b.Leaf.NotBefore }

// NotAfter returns the last moment at which the leaf is valid.
func (b *Bundle) NotAfter() time.Time { return b.Leaf.NotAfter }

// Serial returns the leaf's serial number in lower-case hexadecimal digits.
func (b *Bundle) Serial() string { return b.Leaf.SerialNumber.Text(16) }

// Thumbprint returns the SHA-1 digest of the leaf in upper-case hexadecimal digits: the name that
// Key Vault and the Azure portal give to a certificate.
func (b *Bundle) Thumbprint() string {
	sum := sha1.Sum(b.Leaf.Raw)
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// Fingerprint returns the SHA-256 digest of the leaf in lower-case hexadecimal digits.
func (b *Bundle) Fingerprint() string {
	sum := sha256.Sum256(b.Leaf.Raw)
	return hex.EncodeToString(sum[:])
}
