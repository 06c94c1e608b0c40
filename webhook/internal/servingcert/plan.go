package servingcert

import (
	"crypto/x509"
	"time"
)

const (
	// renewAt is the remaining lifetime at which the next certificate is staged.
	renewAt = lifetime / 3
	// overlap is how long the next CA is published before its certificate is served. It is enough
	// for API servers, which watch the configuration, even after an interrupted watch.
	overlap = 10 * time.Minute
)

// view is the state that a replica sees.
type view struct {
	// secret is the Secret's data; nil if the Secret does not exist.
	secret map[string][]byte
	// bundles are the CAs of each webhook of the configuration.
	bundles [][]*x509.Certificate
	// nextSince is when the next CA was first seen in all bundles; zero if it was not.
	nextSince time.Time
	// memory is the last usable content of the Secret; nil if it has not had any yet.
	memory *state
}

// plan is what to do in a view.
type plan struct {
	// state is the content of the Secret; nil if it is not usable: the served certificate then
	// stays.
	state *state
	// write is the Secret's new data, or nil to keep it. why is for the log.
	write map[string][]byte
	why   string
	// published reports that all bundles hold the CA of the current pair, nextPublished that of the
	// next pair.
	published, nextPublished bool
	// again is when to decide again if nothing changes before; zero for never.
	again time.Time
}

// decide implements the numbered list of the package comment. The error comes from the random
// source.
func decide(now time.Time, dnsName string, v view) (plan, error) {
	s, unusable := readState(v.secret, now, dnsName)
	switch {
	case s.current != nil:
		return renew(now, dnsName, v, s)
	case s.next != nil:
		// A certificate that some API server may not trust yet is better than no certificate.
		return plan{write: s.promoted().data(), why: "the current certificate cannot be used"}, nil
	case v.memory != nil && v.memory.current.usable(now, dnsName, v.memory.trusted) == nil:
		// Somebody deleted or emptied the Secret. A new certificate would not be trusted yet.
		return plan{write: v.memory.data(), why: "the certificate was lost from the Secret"}, nil
	}
	p := plan{why: "a certificate does not exist yet"}
	if unusable != nil {
		p.why = "the certificate cannot be used: " + unusable.Error()
	}
	fresh, err := s.replaced(now, dnsName)
	if err == nil {
		p.write = fresh.data()
	}
	return p, err
}

// renew decides if the certificate is usable.
func renew(now time.Time, dnsName string, v view, s state) (plan, error) {
	p := plan{state: &s, published: inAll(v.bundles, s.current.issuer(s.trusted))}
	if s.next == nil {
		if renewal := s.current.tls.Leaf.NotAfter.Add(-renewAt); now.Before(renewal) {
			p.again = renewal
			return p, nil
		}
		staged, err := s.staged(now, dnsName)
		if err == nil {
			p.write, p.why = staged.data(), "the certificate needs renewal"
		}
		return p, err
	}
	p.nextPublished = inAll(v.bundles, s.next.issuer(s.trusted))
	if !p.nextPublished || v.nextSince.IsZero() {
		return p, nil
	}
	if ripe := v.nextSince.Add(overlap); now.Before(ripe) {
		p.again = ripe
	} else {
		p.write, p.why = s.promoted().data(), "the next certificate has been trusted long enough"
	}
	return p, nil
}

// inAll reports whether bundles exist and each holds the CA.
func inAll(bundles [][]*x509.Certificate, ca *x509.Certificate) bool {
	for _, b := range bundles {
		if !contains(b, []*x509.Certificate{ca}) {
			return false
		}
	}
	return len(bundles) > 0
}
