package servingcert

import (
	"crypto/x509"
	"time"
)

const (
	// renewBefore is the remaining lifetime at which the next certificate is staged.
	renewBefore = lifetime / 3
	// overlap is how long the next CA is published before its certificate is served. It is long
	// enough for API servers, which watch the configuration, even if a watch was interrupted.
	overlap = 10 * time.Minute
)

// view is the state that a replica observes.
type view struct {
	// secret is the Secret's data, or nil if the Secret does not exist.
	secret map[string][]byte
	// bundles are the CAs of each webhook of the configuration.
	bundles [][]*x509.Certificate
	// nextSince is when the next CA was first observed in all bundles, or zero.
	nextSince time.Time
	// lastUsable is the last usable content of the Secret, or nil.
	lastUsable *state
}

// plan is the result of decide: what the replica does next.
type plan struct {
	// state is the content of the Secret, or nil if it is not usable. The served certificate then
	// stays.
	state *state
	// write is the new data of the Secret, or nil for no change. reason is for the log.
	write  map[string][]byte
	reason string
	// published reports that all bundles contain the CA of the current pair, nextPublished that
	// they contain the CA of the next pair.
	published, nextPublished bool
	// nextStep is the latest time for the next decision, or zero if only a change requires one.
	nextStep time.Time
}

// decide implements the numbered list of the package comment. It fails if it cannot create a
// certificate.
func decide(now time.Time, dnsName string, v view) (plan, error) {
	s, unusable := readState(v.secret, now, dnsName)
	switch {
	case s.current != nil:
		return renew(now, dnsName, v, s)
	case s.next != nil:
		// A certificate that some API servers may not trust yet is better than none.
		return plan{write: s.promoted().data(), reason: "the current certificate cannot be used"}, nil
	case v.lastUsable != nil && v.lastUsable.current.usable(now, dnsName, v.lastUsable.trusted) == nil:
		// Someone deleted or emptied the Secret. API servers would not trust a new certificate yet.
		return plan{write: v.lastUsable.data(), reason: "the certificate was lost from the Secret"}, nil
	}
	p := plan{reason: "there is no certificate yet"}
	if unusable != nil {
		p.reason = "the certificate cannot be used: " + unusable.Error()
	}
	replaced, err := s.replaced(now, dnsName)
	if err == nil {
		p.write = replaced.data()
	}
	return p, err
}

// renew is the part of decide for a usable current certificate.
func renew(now time.Time, dnsName string, v view, s state) (plan, error) {
	p := plan{state: &s, published: inAll(v.bundles, s.current.issuer(s.trusted))}
	if s.next == nil {
		if renewal := s.current.tls.Leaf.NotAfter.Add(-renewBefore); now.Before(renewal) {
			p.nextStep = renewal
			return p, nil
		}
		staged, err := s.staged(now, dnsName)
		if err == nil {
			p.write, p.reason = staged.data(), "the certificate must be renewed"
		}
		return p, err
	}
	p.nextPublished = inAll(v.bundles, s.next.issuer(s.trusted))
	if !p.nextPublished || v.nextSince.IsZero() {
		return p, nil
	}
	if promotion := v.nextSince.Add(overlap); now.Before(promotion) {
		p.nextStep = promotion
	} else {
		p.write, p.reason = s.promoted().data(), "the next certificate has been trusted for the overlap"
	}
	return p, nil
}

// inAll reports whether there are bundles and all of them contain the CA.
func inAll(bundles [][]*x509.Certificate, ca *x509.Certificate) bool {
	for _, b := range bundles {
		if !contains(b, []*x509.Certificate{ca}) {
			return false
		}
	}
	return len(bundles) > 0
}
