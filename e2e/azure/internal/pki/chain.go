package pki

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"slices"
	"time"
)

// Leaf is the content of a certificate to issue.
type Leaf struct {
	CommonName          string
	DNSNames            []string
	IPAddresses         []net.IP
	NotBefore, NotAfter time.Time
}

// Hierarchy is the CA hierarchy of the vaults: a root and two intermediates, the second issued by
// the first. So chains have up to four certificates.
type Hierarchy struct {
	Root          *CA
	intermediates []*CA
}

// MaxChain is the longest chain that a Hierarchy issues.
const MaxChain = 4

// NewHierarchy creates a hierarchy with this root.
func NewHierarchy(root *CA) (*Hierarchy, error) {
	h := &Hierarchy{Root: root}
	parent := root
	for i := range MaxChain - 2 {
		ca, err := parent.NewIntermediate(fmt.Sprintf("Emulated Vault Intermediate CA %d", i+1))
		if err != nil {
			return nil, err
		}
		h.intermediates = append(h.intermediates, ca)
		parent = ca
	}
	return h, nil
}

// Issue signs a leaf for key and returns its chain, leaf first. The chain has length certificates,
// including the root. A chain of one certificate is self-signed.
func (h *Hierarchy) Issue(leaf Leaf, key crypto.Signer, length int) ([]*x509.Certificate, error) {
	if length < 1 || length > MaxChain {
		return nil, fmt.Errorf("a chain of %d certificates cannot be issued (1 to %d)", length, MaxChain)
	}
	if length == 1 {
		cert, err := issue(leafTemplate(leaf), key, nil)
		if err != nil {
			return nil, err
		}
		return []*x509.Certificate{cert}, nil
	}
	issuers := append([]*CA{h.Root}, h.intermediates[:length-2]...)
	cert, err := issue(leafTemplate(leaf), key, issuers[len(issuers)-1])
	if err != nil {
		return nil, err
	}
	chain := []*x509.Certificate{cert}
	for _, ca := range slices.Backward(issuers) {
		chain = append(chain, ca.Cert)
	}
	return chain, nil
}

// ServingCertificate issues a TLS certificate for names, signed by the CA without an intermediate.
func (c *CA) ServingCertificate(names []string) (tls.Certificate, error) {
	now := time.Now()
	return c.ServingCertificateFor(names, now.Add(-time.Hour), now.Add(365*24*time.Hour))
}

// ServingCertificateFor does the same with these dates.
func (c *CA) ServingCertificateFor(names []string, notBefore, notAfter time.Time) (tls.Certificate, error) {
	key, err := NewKey(ECP256, nil)
	if err != nil {
		return tls.Certificate{}, err
	}
	cert, err := issue(leafTemplate(Leaf{
		CommonName: names[0], DNSNames: names, NotBefore: notBefore, NotAfter: notAfter,
	}), key, c)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}, nil
}

func leafTemplate(l Leaf) *x509.Certificate {
	return &x509.Certificate{
		Subject:               pkix.Name{CommonName: l.CommonName},
		DNSNames:              l.DNSNames,
		IPAddresses:           l.IPAddresses,
		NotBefore:             l.NotBefore,
		NotAfter:              l.NotAfter,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
}
