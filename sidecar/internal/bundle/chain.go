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
// With cross-signed certificates there can be several paths. A complete path, which ends in a
// self-signed certificate, is better than one whose last issuer is missing. Of several complete
// paths, the best one is valid longest, so that an expired cross-signature does not win, and then
// the shortest. If no path is complete, the longest one is best: the verifier has the fewest
// certificates to find.
func findChain(leaf *x509.Certificate, pool []*x509.Certificate) []*x509.Certificate {
	s := chainSearch{pool: pool, issuers: make(map[*x509.Certificate][]*x509.Certificate)}
	s.extend([]*x509.Certificate{leaf})
	return s.best
}

type chainSearch struct {
	pool    []*x509.Certificate
	issuers map[*x509.Certificate][]*x509.Certificate
	best    []*x509.Certificate
}

// extend tries every issuer of the path's last certificate. A path that cannot be extended becomes
// the best one if it is better than those before.
func (s *chainSearch) extend(path []*x509.Certificate) {
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

// visited compares names and keys, not certificates: two authorities that certified each other form
// a cycle, however many certificates they issued.
func visited(path []*x509.Certificate, c *x509.Certificate) bool {
	return slices.ContainsFunc(path, func(p *x509.Certificate) bool {
		return sameName(p.RawSubject, c.RawSubject) &&
			bytes.Equal(p.RawSubjectPublicKeyInfo, c.RawSubjectPublicKeyInfo)
	})
}

func (s *chainSearch) issuersOf(c *x509.Certificate) []*x509.Certificate {
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
	// The result must not depend on the order of the input.
	return slices.CompareFunc(a, b, func(x, y *x509.Certificate) int { return bytes.Compare(x.Raw, y.Raw) }) < 0
}

// firstExpiry returns the time until which the whole path is valid.
func firstExpiry(path []*x509.Certificate) time.Time {
	first := path[0].NotAfter
	for _, c := range path[1:] {
		if c.NotAfter.Before(first) {
			first = c.NotAfter
		}
	}
	return first
}

// issued reports whether parent issued child: the names match (RFC 5280, 7.1) and the signature is
// valid. If crypto/x509 does not verify the signature's algorithm (MD5, an unknown curve),
// matching key identifiers (RFC 5280, 4.2.1.1) are enough: the result decides about order, not
// about trust.
func issued(parent, child *x509.Certificate) bool {
	if !sameName(parent.RawSubject, child.RawIssuer) {
		return false
	}
	err := parent.CheckSignature(child.SignatureAlgorithm, child.RawTBSCertificate, child.Signature)
	if err == nil {
		return true
	}
	var insecure x509.InsecureAlgorithmError
	if errors.Is(err, x509.ErrUnsupportedAlgorithm) || errors.As(err, &insecure) {
		if len(child.AuthorityKeyId) == 0 {
			return parent == child // old roots do not name their key
		}
		return bytes.Equal(parent.SubjectKeyId, child.AuthorityKeyId)
	}
	return false
}

func selfSigned(c *x509.Certificate) bool { return issued(c, c) }
