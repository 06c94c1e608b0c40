package bundle

import (
	"cmp"
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"
)

// newBundle finds the leaf by its key, and the chain from the leaf.
func newBundle(c contents) (*Bundle, error) {
	if c.read > MaxCertificates {
		return nil, &Error{TooLarge,
			fmt.Sprintf("the secret contains %d certificates, more than the limit of %d", c.read, MaxCertificates),
			"keep only the certificates of the chain"}
	}
	certs, keys := distinct(c.certs), distinctKeys(c.keys)
	pairs := findPairs(certs, keys)
	if len(pairs) == 0 {
		return nil, c.explain(certs)
	}
	if len(pairs) > 1 {
		return nil, &Error{SeveralKeys, "the secret contains several private keys that each have a certificate",
			"store one certificate and its key per secret"}
	}
	b := &Bundle{Leaf: pairs[0].chain[0], Key: pairs[0].key, Dropped: len(certs) - len(pairs[0].chain)}
	above := pairs[0].chain[1:]
	if n := len(above); n > 0 && selfSigned(above[n-1]) {
		b.Root, above = above[n-1], above[:n-1]
	}
	b.Intermediates = above
	b.Warnings = c.warnings(b, certs, len(keys)-1)
	return b, nil
}

// pair is a private key with the chain of its certificate.
type pair struct {
	key   crypto.Signer
	chain []*x509.Certificate
}

// findPairs returns the keys that have a certificate, except those of authorities in the chain of
// another one: some secrets also contain the key of their test authority.
func findPairs(certs []*x509.Certificate, keys []crypto.Signer) []pair {
	var all, leaves []pair
	for _, key := range keys {
		if leaf := certificateOf(key, certs); leaf != nil {
			all = append(all, pair{key, findChain(leaf, certs)})
		}
	}
	for _, p := range all {
		if !isIssuer(p, all) {
			leaves = append(leaves, p)
		}
	}
	return leaves
}

func isIssuer(p pair, all []pair) bool {
	for _, other := range all {
		for _, c := range other.chain[1:] {
			if samePublicKey(p.key.Public(), c.PublicKey) {
				return true
			}
		}
	}
	return false
}

// explain returns the reason why no certificate has a key. If the certificate or the key could not
// be read, that is the reason.
func (c *contents) explain(certs []*x509.Certificate) *Error {
	switch {
	case len(certs) == 0 && len(c.certErrors) == 0:
		return &Error{NotCertificate, "the secret contains no certificate", "use the secret of a Key Vault certificate"}
	case len(c.keyErrors) > 0:
		return cmp.Or(unsupportedLeaf(certs), c.keyErrors[0])
	case len(c.keys) == 0:
		return noPrivateKey()
	case len(c.certErrors) > 0:
		return c.certErrors[0]
	}
	return &Error{KeyMismatch,
		fmt.Sprintf("the private key matches none of the %d certificates in the secret", len(certs)),
		"import the certificate together with the private key of its signing request"}
}

// unsupportedLeaf returns an error if a certificate that issued no other one has an unsupported
// key. It names the kind, which the library does not if the key is encrypted.
func unsupportedLeaf(certs []*x509.Certificate) *Error {
	for _, cert := range certs {
		kind := unsupportedCertificateKind(cert.Raw)
		if kind != "" && !slices.ContainsFunc(certs, func(c *x509.Certificate) bool { return c != cert && issued(cert, c) }) {
			return unsupportedKey(kind)
		}
	}
	return nil
}

func noPrivateKey() *Error {
	return &Error{NoPrivateKey,
		"the secret contains certificates but no private key, so the certificate's key is not exportable",
		`set "exportable": true in the key properties of the certificate's issuance policy, and create a new version`}
}

// certificateOf returns the certificate of a key, or nil. If there are several, it is the newest
// one that is not self-signed.
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

func distinct(certs []parsedCertificate) []*x509.Certificate {
	seen := make(map[string]bool, len(certs))
	var out []*x509.Certificate
	for _, c := range certs {
		if !seen[string(c.Raw)] {
			seen[string(c.Raw)] = true
			out = append(out, c.Certificate)
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
