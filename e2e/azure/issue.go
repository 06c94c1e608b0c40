package azure

import (
	"context"
	"crypto"
	"fmt"
	"net"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure/internal/pki"
)

// Defaults of a [Certificate].
const (
	defaultChain    = 3
	defaultValidity = 365 * 24 * time.Hour
	backdating      = 10 * time.Minute
)

// CreateCertificate implements [Control].
func (e *Emulator) CreateCertificate(_ context.Context, c Certificate) (Version, error) {
	return e.issueVersion(c, nil, nil)
}

// Renew implements [Control].
func (e *Emulator) Renew(_ context.Context, r Renewal) (Version, error) {
	var spec Certificate
	var last *secretVersion
	err := e.keyvault.withSecret(SecretRef{Vault: r.Vault, Name: r.Name}, func(s *secret, v *secretVersion) error {
		if s.spec == nil {
			return fmt.Errorf("%w: secret %s of %s was not issued here and cannot be renewed", ErrInvalid, r.Name, r.Vault)
		}
		spec, last = *s.spec, v
		return nil
	})
	if err != nil {
		return Version{}, err
	}
	spec.NotBefore, spec.NotAfter, spec.Disabled = r.NotBefore, r.NotAfter, r.Disabled
	if r.ReuseKey {
		return e.issueVersion(spec, last.key, nil)
	}
	return e.issueVersion(spec, nil, last.key)
}

// issueVersion issues a certificate and stores it. If key is nil, it creates a key that differs
// from previous, without holding a lock.
func (e *Emulator) issueVersion(c Certificate, key, previous crypto.Signer) (Version, error) {
	if c.Chain == 0 {
		c.Chain = defaultChain
	}
	leaf, err := c.leaf(time.Now())
	if err != nil {
		return Version{}, err
	}
	if err := e.keyvault.withVault(c.Vault, func(*vault) error { return nil }); err != nil {
		return Version{}, err
	}
	if key == nil {
		if key, err = pki.NewKey(pki.KeyType(c.Key), previous); err != nil {
			return Version{}, err
		}
	}
	sv, err := e.makeVersion(c, leaf, key)
	if err != nil {
		return Version{}, fmt.Errorf("certificate %s: %w", c.Name, err)
	}
	if err := e.confidential.add(key, sv.value); err != nil {
		return Version{}, err
	}
	var info Version
	err = e.keyvault.withVault(c.Vault, func(v *vault) error {
		info = v.add(c.Name, &c, sv)
		return nil
	})
	return info, err
}

func (e *Emulator) makeVersion(c Certificate, leaf pki.Leaf, key crypto.Signer) (*secretVersion, error) {
	chain, err := e.issuer.Issue(leaf, key, c.Chain)
	if err != nil {
		return nil, err
	}
	if c.OmitRoot && len(chain) > 1 {
		chain = chain[:len(chain)-1]
	}
	private := key
	if c.NonExportable {
		private = nil
	}
	value, contentType, err := pki.Encode(chain, private, pki.Encoding(c.Encoding), pki.Order(c.Order))
	if err != nil {
		return nil, err
	}
	now := time.Now().Truncate(time.Second)
	return &secretVersion{
		id: newVersionID(), value: value, contentType: contentType, managed: true, enabled: !c.Disabled,
		notBefore: chain[0].NotBefore, notAfter: chain[0].NotAfter, created: now, updated: now,
		key: key, chain: chain,
	}, nil
}

// leaf checks the specification and applies the defaults.
func (c Certificate) leaf(now time.Time) (pki.Leaf, error) {
	fail := func(format string, args ...any) (pki.Leaf, error) {
		return pki.Leaf{}, fmt.Errorf("%w: certificate %q of %q: %w", ErrInvalid, c.Name, c.Vault, fmt.Errorf(format, args...))
	}
	l := pki.Leaf{CommonName: c.CommonName, DNSNames: c.DNSNames, NotBefore: c.NotBefore, NotAfter: c.NotAfter}
	if l.CommonName == "" {
		l.CommonName = c.Name
	}
	if l.NotBefore.IsZero() {
		l.NotBefore = now.Add(-backdating)
	}
	if l.NotAfter.IsZero() {
		l.NotAfter = l.NotBefore.Add(defaultValidity)
	}
	for _, text := range c.IPAddresses {
		ip := net.ParseIP(text)
		if ip == nil {
			return fail("IP address %q", text)
		}
		l.IPAddresses = append(l.IPAddresses, ip)
	}
	switch {
	case !secretName.MatchString(c.Name):
		return fail("the name must be 1 to 127 letters, digits and hyphens")
	case c.Chain < 1 || c.Chain > pki.MaxChain:
		return fail("chain of %d certificates (1 to %d)", c.Chain, pki.MaxChain)
	case !l.NotAfter.After(l.NotBefore):
		return fail("notAfter %s is not after notBefore %s", l.NotAfter, l.NotBefore)
	}
	if err := pki.CheckKeyType(pki.KeyType(c.Key)); err != nil {
		return fail("%w", err)
	}
	if err := pki.Check(pki.Encoding(c.Encoding), pki.Order(c.Order)); err != nil {
		return fail("%w", err)
	}
	return l, nil
}
