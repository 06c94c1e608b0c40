package servingcert

import (
	"crypto/x509"
	"time"
)

const (
	// renewAt is the lifetime that is left when the next certificate is staged.
	renewAt = lifetime / 3
	// overlap is how long the next CA is published before its certificate is served: ample for API servers, which
	// follow the configuration by a watch, and for one whose watch was interrupted.
	overlap = 10 * time.Minute
)

// view is what a replica sees.
type view struct {
	// secret is the Secret's data; nil where there is none.
	secret map[string][]byte
	// bundles are the CAs of each webhook of the configuration.
	bundles [][]*x509.Certificate
	// nextSince is when the next CA was first seen in all bundles; zero where it was not.
	nextSince time.Time
	// memory is what the Secret last held that was usable; nil where that was nothing yet.
	memory *state
}

// plan is what is to be done about it.
type plan struct {
	// state is what the Secret holds; nil where that is nothing usable: what is served stays.
	state *state
	// write is the Secret's new data; nil where it stays. why is for the log.
	write map[string][]byte
	why   string
	// published reports that all bundles hold the CA of the current pair, nextPublished that of the next.
	published, nextPublished bool
	// again is when to look again if nothing changes before; zero for not at all.
	again time.Time
}

// decide is the numbered list of the package comment. The error is one of the random source.
func decide(now time.Time, dnsName string, v view) (plan, error) {
	s, unusable := readState(v.secret, now, dnsName)
	switch {
	case s.current != nil:
		return renew(now, dnsName, v, s)
	case s.next != nil:
		// Better a certificate that some API server may not know yet than none.
		return plan{write: s.promoted().data(), why: "the current certificate cannot be used"}, nil
	case v.memory != nil && v.memory.current.usable(now, dnsName, v.memory.trusted) == nil:
		// Someone deleted or emptied the Secret. A new certificate would not be trusted yet.
		return plan{write: v.memory.data(), why: "the certificate was lost from the Secret"}, nil
	}
	p := plan{why: "there is no certificate yet"}
	if unusable != nil {
		p.why = "the certificate cannot be used: " + unusable.Error()
	}
	fresh, err := s.replaced(now, dnsName)
	if err == nil {
		p.write = fresh.data()
	}
	return p, err
}

// renew decides where there is a usable certificate.
func renew(now time.Time, dnsName string, v view, s state) (plan, error) {
	p := plan{state: &s, published: inAll(v.bundles, s.current.issuer(s.trusted))}
	if s.next == nil {
		if renewal := s.current.tls.Leaf.NotAfter.Add(-renewAt); now.Before(renewal) {
			p.again = renewal
			return p, nil
		}
		staged, err := s.staged(now, dnsName)
		if err == nil {
			p.write, p.why = staged.data(), "the certificate is to be renewed"
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
		p.write, p.why = s.promoted().data(), "the next certificate has been trusted for the overlap"
	}
	return p, nil
}

// inAll reports whether there are bundles and each holds the CA.
func inAll(bundles [][]*x509.Certificate, ca *x509.Certificate) bool {
	for _, b := range bundles {
		if !contains(b, []*x509.Certificate{ca}) {
			return false
		}
	}
	return len(bundles) > 0
}
