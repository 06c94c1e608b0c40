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

// Limits on what Parse takes.
const (
	// MaxValueBytes bounds the secret's value. Key Vault's own limit is 25 KB.
	//
	// Source: https://learn.microsoft.com/azure/key-vault/secrets/about-secrets
	MaxValueBytes = 256 << 10
	// MaxCertificates bounds how many certificates may be in one value. No chain needs more than a
	// few; what is left out of a chain is searched for nothing.
	MaxCertificates = 32
)

// Content types of secrets that back a certificate.
//
// Source: https://learn.microsoft.com/azure/key-vault/certificates/about-certificates
const (
	typePKCS12 = "application/x-pkcs12"
	typePEM    = "application/x-pem-file"
)

// material is what a secret held, in no particular order and unchecked.
type material struct {
	certs []*x509.Certificate
	keys  []crypto.Signer
}

// Parse reads the value of a Key Vault secret that backs a certificate. The value is PEM, or base64 of
// a PKCS #12 container without a password; which one it is is told by looking at it, and contentType
// (the secret's, may be empty) only words the error. The leaf is found by the private key, whatever
// the order of the certificates, and those that are no part of its chain are left out.
//
// Every error is an *Error.
func Parse(value, contentType string) (*Bundle, error) {
	if len(value) > MaxValueBytes {
		return nil, &Error{TooLarge,
			fmt.Sprintf("the secret's value is longer than %d KiB", MaxValueBytes>>10),
			"remove what is not part of the certificate's chain"}
	}
	m, err := read(value, contentType)
	if err != nil {
		return nil, err
	}
	return assemble(m)
}

func read(value, contentType string) (material, error) {
	if strings.Contains(value, pemBegin) {
		return readPEM(value)
	}
	if der, ok := decodeBase64(value); ok && len(der) > 0 && der[0] == derSequence {
		return readPKCS12(der)
	}
	return material{}, notCertificate(contentType)
}

// decodeBase64 ignores white space, which people add when they store a container by hand.
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
	what := "the secret is no certificate"
	switch mediaType {
	case typePKCS12:
		what += ": its content type is " + typePKCS12 + ", but its value is not base64 of a PKCS #12 container"
	case typePEM:
		what += ": its content type is " + typePEM + ", but its value has no PEM block"
	default:
		what += ": its value is neither PEM nor base64 of a PKCS #12 container"
	}
	return &Error{NotCertificate, what,
		"name a secret that a Key Vault certificate made, or import this one as a certificate"}
}

// assemble finds the leaf by the key, and the chain from the leaf.
func assemble(m material) (*Bundle, error) {
	certs := distinct(m.certs)
	if err := checkCounts(certs, m.keys); err != nil {
		return nil, err
	}
	leaf, key, err := pair(certs, m.keys)
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
		return &Error{NotCertificate, "the secret has no certificate in it",
			"name a secret that a Key Vault certificate made"}
	case len(certs) > MaxCertificates:
		return &Error{TooLarge,
			fmt.Sprintf("the secret has %d certificates in it, more than %d", len(certs), MaxCertificates),
			"keep only those of the certificate's own chain"}
	case len(keys) == 0:
		return noPrivateKey()
	}
	return nil
}

func noPrivateKey() *Error {
	return &Error{NoPrivateKey,
		"the secret has certificates but no private key, so the certificate's key is not exportable",
		`set "exportable": true in the key properties of the certificate's issuance policy, and make a new version`}
}

// pair finds the one key that has a certificate, and that certificate. Where several have the same
// public key, the leaf is one that another certificate signed rather than itself, and the newest.
func pair(certs []*x509.Certificate, keys []crypto.Signer) (*x509.Certificate, crypto.Signer, error) {
	var leaf *x509.Certificate
	var owner crypto.Signer
	for _, key := range distinctKeys(keys) {
		candidate := certificateOf(key, certs)
		if candidate == nil {
			continue
		}
		if leaf != nil {
			return nil, nil, &Error{SeveralKeys,
				"the secret has several private keys with a certificate each",
				"store one certificate and its key per secret"}
		}
		leaf, owner = candidate, key
	}
	if leaf == nil {
		return nil, nil, &Error{KeyMismatch,
			fmt.Sprintf("the private key belongs to none of the %d certificates in the secret", len(certs)),
			"import the certificate together with the key that its request was made with"}
	}
	return leaf, owner, nil
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

// samePublicKey is false for the kinds of public key that no Bundle can have.
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
