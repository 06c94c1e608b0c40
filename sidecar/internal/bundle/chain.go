package bundle

import (
	"bytes"
	"crypto/x509"
	"errors"
	"slices"
	"time"
)

// findChain returns the best path from leaf upwards through the certificates of pool, leaf first.
//
// Cross-signed certificates make several paths possible. The best one ends in a self-signed
// certificate, rather than in a missing issuer; then it is the one that stays valid longest, so that
// an expired cross-signature does not win; then the shortest. Where none is complete, it is the
// longest one, which leaves the least for the verifier to find.
func findChain(leaf *x509.Certificate, pool []*x509.Certificate) []*x509.Certificate {
	s := search{pool: pool, issuers: make(map[*x509.Certificate][]*x509.Certificate)}
	s.extend([]*x509.Certificate{leaf})
	return s.best
}

type search struct {
	pool    []*x509.Certificate
	issuers map[*x509.Certificate][]*x509.Certificate
	best    []*x509.Certificate
}

func (s *search) extend(path []*x509.Certificate) {
	end := path[len(path)-1]
	extended := false
	if !selfSigned(end) {
		for _, issuer := range s.issuersOf(end) {
			if !visited(path, issuer) {
				extended = true
				s.extend(append(path, issuer))
			}
		}
	}
	if !extended && (s.best == nil || betterPath(path, s.best)) {
		s.best = slices.Clone(path)
	}
}

// visited goes by name and key, not by certificate: two authorities that certified each other, any
// number of times, are a cycle.
func visited(path []*x509.Certificate, c *x509.Certificate) bool {
	return slices.ContainsFunc(path, func(p *x509.Certificate) bool {
		return bytes.Equal(p.RawSubject, c.RawSubject) &&
			bytes.Equal(p.RawSubjectPublicKeyInfo, c.RawSubjectPublicKeyInfo)
	})
}

func (s *search) issuersOf(c *x509.Certificate) []*x509.Certificate {
	found, ok := s.issuers[c]
	if !ok {
		for _, p := range s.pool {
			if issued(p, c) {
				found = append(found, p)
			}
		}
		s.issuers[c] = found
	}
	return found
}

func betterPath(a, b []*x509.Certificate) bool {
	completeA, completeB := selfSigned(a[len(a)-1]), selfSigned(b[len(b)-1])
	if completeA != completeB {
		return completeA
	}
	if !completeA && len(a) != len(b) {
		return len(a) > len(b)
	}
	if endA, endB := firstExpiry(a), firstExpiry(b); !endA.Equal(endB) {
		return endA.After(endB)
	}
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	// Only so that the order of the input does not matter.
	return slices.CompareFunc(a, b, func(x, y *x509.Certificate) int { return bytes.Compare(x.Raw, y.Raw) }) < 0
}

func firstExpiry(path []*x509.Certificate) time.Time {
	first := path[0].NotAfter
	for _, c := range path[1:] {
		if c.NotAfter.Before(first) {
			first = c.NotAfter
		}
	}
	return first
}

// issued says that parent signed child: the names match (RFC 5280, 4.1.2.4) and so does the signature.
// A signature by an algorithm that crypto/x509 does not verify (MD5, an unknown curve) is taken for
// right where the key identifiers (RFC 5280, 4.2.1.1) match: this is about order, not about trust.
func issued(parent, child *x509.Certificate) bool {
	if !bytes.Equal(parent.RawSubject, child.RawIssuer) {
		return false
	}
	err := parent.CheckSignature(child.SignatureAlgorithm, child.RawTBSCertificate, child.Signature)
	if err == nil {
		return true
	}
	var insecure x509.InsecureAlgorithmError
	if errors.Is(err, x509.ErrUnsupportedAlgorithm) || errors.As(err, &insecure) {
		return len(parent.SubjectKeyId) > 0 && bytes.Equal(parent.SubjectKeyId, child.AuthorityKeyId)
	}
	return false
}

func selfSigned(c *x509.Certificate) bool { return issued(c, c) }
