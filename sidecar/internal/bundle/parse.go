package bundle

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"mime"
	"strings"
	"unicode"
)

// Limits of Parse.
const (
	// MaxValueBytes limits the size of the secret's value. Key Vault's limit is 25 KB.
	//
	// Source: https://learn.microsoft.com/azure/key-vault/secrets/about-secrets
	MaxValueBytes = 256 << 10
	// MaxCertificates limits the number of certificates in a value. A chain needs only a few, and
	// the time of the search for the chain grows with the number of certificates.
	MaxCertificates = 32
)

// Content types of secrets that back a certificate.
//
// Source: https://learn.microsoft.com/azure/key-vault/certificates/about-certificates
const (
	typePKCS12 = "application/x-pkcs12"
	typePEM    = "application/x-pem-file"
)

// contents are the certificates and keys of a secret, in no particular order and unverified.
type contents struct {
	certs []*x509.Certificate
	keys  []crypto.Signer
}

// Parse reads the value of a Key Vault secret that backs a certificate. The value is either PEM or
// a base64-encoded PKCS #12 container without a password. Parse detects the format from the value;
// it uses contentType (the secret's, may be empty) only in error texts. The leaf is the certificate
// of the private key, regardless of the order of the certificates. Certificates that are not part
// of its chain are dropped.
//
// Every error is an *Error.
func Parse(value, contentType string) (*Bundle, error) {
	if len(value) > MaxValueBytes {
		return nil, &Error{TooLarge,
			fmt.Sprintf("the secret's value is longer than %d KiB", MaxValueBytes>>10),
			"remove everything that is not part of the certificate's chain"}
	}
	c, err := read(value, contentType)
	if err != nil {
		return nil, err
	}
	return newBundle(c)
}

func read(value, contentType string) (contents, error) {
	if strings.Contains(value, pemBegin) {
		return readPEM(value)
	}
	if der, ok := decodeBase64(value); ok && len(der) > 0 && der[0] == derSequence {
		return readPKCS12(der)
	}
	return contents{}, notCertificate(contentType)
}

// decodeBase64 ignores white space, which users add when they store a container manually.
func decodeBase64(value string) ([]byte, bool) {
	compact := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, value)
	der, err := base64.StdEncoding.DecodeString(compact)
	return der, err == nil
}

func notCertificate(contentType string) *Error {
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		mediaType = strings.ToLower(strings.TrimSpace(contentType))
	}
	problem := "the secret is not a certificate"
	switch mediaType {
	case typePKCS12:
		problem += ": its content type is " + typePKCS12 + ", but its value is not a base64-encoded PKCS #12 container"
	case typePEM:
		problem += ": its content type is " + typePEM + ", but its value contains no PEM block"
	default:
		problem += ": its value is neither PEM nor a base64-encoded PKCS #12 container"
	}
	return &Error{NotCertificate, problem,
		"use the secret of a Key Vault certificate, or import this value as a certificate"}
}

// newBundle finds the leaf by its key, and the chain from the leaf.
func newBundle(c contents) (*Bundle, error) {
	certs := distinct(c.certs)
	if err := checkCounts(certs, c.keys); err != nil {
		return nil, err
	}
	leaf, key, err := findLeaf(certs, c.keys)
	if err != nil {
		return nil, err
	}
	chain := findChain(leaf, certs)
	b := &Bundle{Leaf: leaf, Key: key, Dropped: len(certs) - len(chain)}
	above := chain[1:]
	if n := len(above); n > 0 && selfSigned(above[n-1]) {
		b.Root, above = above[n-1], above[:n-1]
	}
	b.Intermediates = above
	return b, nil
}

func checkCounts(certs []*x509.Certificate, keys []crypto.Signer) error {
	switch {
	case len(certs) == 0:
		return &Error{NotCertificate, "the secret contains no certificate",
			"use the secret of a Key Vault certificate"}
	case len(certs) > MaxCertificates:
		return &Error{TooLarge,
			fmt.Sprintf("the secret contains %d certificates, more than the limit of %d", len(certs), MaxCertificates),
			"keep only the certificates of the chain"}
	case len(keys) == 0:
		return noPrivateKey()
	}
	return nil
}

func noPrivateKey() *Error {
	return &Error{NoPrivateKey,
		"the secret contains certificates but no private key, so the certificate's key is not exportable",
		`set "exportable": true in the key properties of the certificate's issuance policy, and create a new version`}
}

// findLeaf returns the only key that has a certificate, and its certificate. If several
// certificates have the same public key, the leaf is the newest one that is not self-signed.
func findLeaf(certs []*x509.Certificate, keys []crypto.Signer) (*x509.Certificate, crypto.Signer, error) {
	var leaf *x509.Certificate
	var leafKey crypto.Signer
	for _, key := range distinctKeys(keys) {
		candidate := certificateOf(key, certs)
		if candidate == nil {
			continue
		}
		if leaf != nil {
			return nil, nil, &Error{SeveralKeys,
				"the secret contains several private keys that each have a certificate",
				"store one certificate and its key per secret"}
		}
		leaf, leafKey = candidate, key
	}
	if leaf == nil {
		return nil, nil, &Error{KeyMismatch,
			fmt.Sprintf("the private key matches none of the %d certificates in the secret", len(certs)),
			"import the certificate together with the private key of its signing request"}
	}
	return leaf, leafKey, nil
}

func certificateOf(key crypto.Signer, certs []*x509.Certificate) *x509.Certificate {
	var best *x509.Certificate
	for _, c := range certs {
		if samePublicKey(key.Public(), c.PublicKey) && (best == nil || betterLeaf(c, best)) {
			best = c
		}
	}
	return best
}

func betterLeaf(a, b *x509.Certificate) bool {
	if sa, sb := selfSigned(a), selfSigned(b); sa != sb {
		return sb
	}
	if !a.NotBefore.Equal(b.NotBefore) {
		return a.NotBefore.After(b.NotBefore)
	}
	if !a.NotAfter.Equal(b.NotAfter) {
		return a.NotAfter.After(b.NotAfter)
	}
	return string(a.Raw) < string(b.Raw)
}

// samePublicKey returns false for key types that a Bundle does not support.
func samePublicKey(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

func distinct(certs []*x509.Certificate) []*x509.Certificate {
	seen := make(map[string]bool, len(certs))
	var out []*x509.Certificate
	for _, c := range certs {
		if !seen[string(c.Raw)] {
			seen[string(c.Raw)] = true
			out = append(out, c)
		}
	}
	return out
}

func distinctKeys(keys []crypto.Signer) []crypto.Signer {
	var out []crypto.Signer
next:
	for _, k := range keys {
		for _, o := range out {
			if samePublicKey(k.Public(), o.Public()) {
				continue next
			}
		}
		out = append(out, k)
	}
	return out
}
