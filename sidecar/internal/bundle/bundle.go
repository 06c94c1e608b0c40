// Package bundle parses the secret of a Key Vault certificate (PKCS #12 or PEM) into a verified
// Bundle, and encodes a Bundle as the files that programs read: PEM, split files, PKCS #12, JKS.
//
// It guarantees that the private key of a Bundle matches its leaf, that each certificate of its
// chain is signed by the next one, and that the same input always gives the same output bytes. It
// checks neither trust nor dates: the client that verifies the chain decides about trust, and an
// expired leaf may be the only certificate that exists.
//
// It reads what OpenSSL serves, also certificates and keys whose encoding crypto/x509 refuses, and
// writes certificates exactly as they are. Only the leaf and its key can fail: what else cannot be
// read, or does not belong to the chain, is left out with a warning.
//
// It never does I/O, never reads a clock, and never puts any part of a private key or password into
// an error.
package bundle

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"time"
)

// Bundle is a leaf with its private key and the certificates of its chain that the secret contains.
// Only Parse creates a Bundle. Do not modify it.
type Bundle struct {
	// Leaf is the certificate whose public key is that of Key. If crypto/x509 refuses it, or one of
	// the others, its raw fields, validity and public key are those of the certificate, and the
	// serial number, parsed names and extensions are missing.
	Leaf *x509.Certificate
	// Intermediates are in issuing order: the first one issued Leaf, and each of the others issued
	// the one before it. The issuer of the last one may be missing.
	Intermediates []*x509.Certificate
	// Root is the self-signed certificate at the end of the chain. It is nil if the chain ends
	// before the root, or if Leaf itself is self-signed.
	Root *x509.Certificate
	// Key is an *rsa.PrivateKey, an *ecdsa.PrivateKey or an ed25519.PrivateKey.
	Key crypto.Signer
	// Dropped is the number of certificates in the secret that are not part of the chain.
	Dropped int
	// Warnings describe, for people, what of the secret is left out and why, and which certificates
	// strict parsers refuse. They contain names of certificates, but nothing confidential.
	Warnings []string
}

// Chain returns the leaf, the intermediates in issuing order, and the root if present: the order
// that RFC 5246, 7.4.2 requires of a server.
func (b *Bundle) Chain() []*x509.Certificate {
	chain := make([]*x509.Certificate, 0, len(b.Intermediates)+2)
	chain = append(chain, b.Leaf)
	chain = append(chain, b.Intermediates...)
	if b.Root != nil {
		chain = append(chain, b.Root)
	}
	return chain
}

// NotBefore returns the time from which the leaf is valid.
func (b *Bundle) NotBefore() time.Time { return b.Leaf.NotBefore }

// NotAfter returns the time until which the leaf is valid.
func (b *Bundle) NotAfter() time.Time { return b.Leaf.NotAfter }

// Fingerprint returns the SHA-256 digest of the leaf in lower-case hexadecimal digits.
func (b *Bundle) Fingerprint() string {
	sum := sha256.Sum256(b.Leaf.Raw)
	return hex.EncodeToString(sum[:])
}
