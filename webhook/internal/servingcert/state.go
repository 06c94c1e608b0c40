package servingcert

import (
	"crypto/x509"
	"errors"
	"time"
)

// Keys of the Secret's data. The first three are Kubernetes' usual keys for certificates.
const (
	keyCert     = "tls.crt"
	keyKey      = "tls.key"
	keyCA       = "ca.crt"
	keyNextCert = "next-tls.crt"
	keyNextKey  = "next-tls.key"
)

// state is the content of the Secret.
type state struct {
	current *pair
	next    *pair // nil unless staged
	// trusted are the CAs to publish.
	trusted []*x509.Certificate
}

// readState parses the Secret's data. It omits a pair that cannot be used now for the DNS name. The
// error, which is only for the log, contains the reason: nobody has to act.
func readState(data map[string][]byte, now time.Time, dnsName string) (state, error) {
	s := state{trusted: readCerts(data[keyCA])}
	read := func(cert, key string) (*pair, error) {
		if len(data[cert]) == 0 && len(data[key]) == 0 {
			return nil, nil
		}
		p, err := readPair(data[cert], data[key])
		if err == nil {
			err = p.usable(now, dnsName, s.trusted)
		}
		if err != nil {
			return nil, err
		}
		return p, nil
	}
	var err, nextErr error
	s.current, err = read(keyCert, keyKey)
	s.next, nextErr = read(keyNextCert, keyNextKey)
	return s, errors.Join(err, nextErr)
}

// data returns the Secret's data for the state.
func (s state) data() map[string][]byte {
	d := map[string][]byte{
		keyCert: s.current.certPEM, keyKey: s.current.keyPEM, keyCA: encodeCerts(s.trusted...),
	}
	if s.next != nil {
		d[keyNextCert], d[keyNextKey] = s.next.certPEM, s.next.keyPEM
	}
	return d
}

// replaced returns the state with a new current pair, for the case that no pair is usable. CAs that
// were trusted stay: another replica may serve a certificate that they signed.
func (s state) replaced(now time.Time, dnsName string) (state, error) {
	p, ca, err := newPair(now, dnsName)
	if err != nil {
		return state{}, err
	}
	return state{current: p, trusted: merge(s.trusted, []*x509.Certificate{ca}, now)}, nil
}

// staged returns the state with a new next pair. It trusts the CAs of both pairs.
func (s state) staged(now time.Time, dnsName string) (state, error) {
	p, ca, err := newPair(now, dnsName)
	if err != nil {
		return state{}, err
	}
	return state{current: s.current, next: p, trusted: []*x509.Certificate{ca, s.current.issuer(s.trusted)}}, nil
}

// promoted returns the state with the next pair as the current pair.
func (s state) promoted() state {
	return state{current: s.next, trusted: s.trusted}
}
