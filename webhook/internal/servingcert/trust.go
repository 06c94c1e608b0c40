package servingcert

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
)

// settle is how long the caBundle trusts the CA of another certificate before that replaces a valid
// one. API servers see the change of the caBundle one after the other.
const settle = 10 * time.Second

// errUnpublished is not a problem yet: it is the state until the caBundle that was written is seen.
var errUnpublished = errors.New("is not published yet")

// trust ensures that the caBundle contains the CAs of the served certificate and of the candidate,
// and returns the latter. The candidate is nil if it must not be served. The error says why clients
// do not trust it.
func (f *Files) trust(
	ctx context.Context, candidate *pair, config *admissionregistrationv1.MutatingWebhookConfiguration, now time.Time,
) (*x509.Certificate, error) {
	bundles := bundlesOf(config)
	var ca *x509.Certificate
	var err error
	if candidate != nil {
		// A CA that clients trust already comes first.
		ca, err = candidate.anchor(now, append(bundles, readCerts(f.files.ca), f.cas)...)
	}
	wanted := slices.DeleteFunc([]*x509.Certificate{ca, f.servedCA}, func(c *x509.Certificate) bool { return c == nil })
	wanted = slices.CompactFunc(wanted, (*x509.Certificate).Equal)
	if config != nil && (f.publisher.retry.err == nil || !now.Before(f.publishAt)) {
		f.publishAt = f.publisher.publish(ctx, now, config, bundles, wanted)
	}
	switch {
	case candidate == nil || ca != nil && inAll(bundles, ca):
		return ca, nil
	case ca == nil:
		return nil, f.secretError("has a certificate whose CA is not known", err, "set the chart value webhook.tls.caBundle, or add ca.crt to the Secret")
	}
	f.serveAt = now.Add(settle)
	if err := f.publisher.retry.err; err != nil {
		return ca, err
	}
	return ca, fmt.Errorf("the caBundle of MutatingWebhookConfiguration %s %w", f.names.Configuration, errUnpublished)
}

// anchor returns the CA that ends the certificate's chain, from the first list that has one. The
// error is that of the last list.
func (p *pair) anchor(now time.Time, lists ...[]*x509.Certificate) (ca *x509.Certificate, err error) {
	intermediates := x509.NewCertPool()
	intermediates.AppendCertsFromPEM(p.certPEM)
	for _, cas := range lists {
		var chains [][]*x509.Certificate
		chains, err = p.tls.Leaf.Verify(x509.VerifyOptions{Roots: pool(cas), Intermediates: intermediates, CurrentTime: now})
		if err == nil {
			return chains[0][len(chains[0])-1], nil
		}
	}
	return nil, err
}
