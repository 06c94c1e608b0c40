package bundle

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
)

// warnings returns the texts of Bundle.Warnings. The bundle has its chain; certs are the distinct
// certificates of the secret.
func (c *contents) warnings(b *Bundle, certs []*x509.Certificate, otherKeys int) []string {
	var texts []string
	warn := func(format string, args ...any) { texts = append(texts, fmt.Sprintf(format, args...)) }
	chain := b.Chain()
	if others := except(certs, chain); len(others) > 0 {
		warn("%s, not part of the certificate's chain: left out (%s)%s", count(len(others), "certificate"), list(others), gap(chain))
	}
	if n := len(c.certs) - len(certs); n > 0 {
		warn("%s in the secret: left out", count(n, "repeated certificate"))
	}
	for _, e := range firstFew(c.certErrors) {
		warn("%s: left out", e.Problem)
	}
	if otherKeys > 0 {
		warn("%s, not that of the certificate: left out", count(otherKeys, "private key"))
	}
	for _, e := range firstFew(c.keyErrors) {
		warn("another key of the secret is left out: %s", e.Problem)
	}
	for _, kind := range firstFew(c.ignored) {
		warn("PEM block %.40q in the secret: left out", kind)
	}
	for _, p := range c.certs {
		if p.refused != nil && slices.Contains(chain, p.Certificate) {
			warn("the certificate %s is installed, but programs with a strict parser, such as those in Go, refuse it (%s)",
				displayName(p.Certificate), printable(p.refused.Error()))
		}
	}
	return texts
}

// gap describes the end of an incomplete chain. If certificates are left out, one of them may have
// been meant to continue the chain.
func gap(chain []*x509.Certificate) string {
	top := chain[len(chain)-1]
	if selfSigned(top) {
		return ""
	}
	return fmt.Sprintf("; the chain ends at %s, because the secret does not contain its issuer, %s",
		displayName(top), displayNameOf(top.RawIssuer))
}

// few limits the certificates and reasons in a warning.
const few = 3

func firstFew[T any](all []T) []T { return all[:min(few, len(all))] }

func list(certs []*x509.Certificate) string {
	var names []string
	for _, c := range firstFew(certs) {
		names = append(names, displayName(c))
	}
	if more := len(certs) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// except returns the certificates that are not in the chain, in an order that does not depend on
// that of the secret.
func except(certs, chain []*x509.Certificate) []*x509.Certificate {
	var out []*x509.Certificate
	for _, c := range certs {
		if !slices.Contains(chain, c) {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b *x509.Certificate) int { return strings.Compare(string(a.RawSubject), string(b.RawSubject)) })
	return out
}
