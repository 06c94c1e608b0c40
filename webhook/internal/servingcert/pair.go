package servingcert

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

const (
	// lifetime is the lifetime of a certificate and its CA.
	lifetime = 90 * 24 * time.Hour
	// backdate is the maximum difference between clocks: certificates are valid from this long ago.
	backdate = time.Hour

	caName = "azure-cert-sync-webhook-ca"
)

// pair is a certificate with its key: in PEM for the Secret, and parsed for serving.
type pair struct {
	certPEM, keyPEM []byte
	tls             *tls.Certificate // with Leaf
}

// newPair creates a certificate for a DNS name and a CA that signs only this certificate. It
// discards the CA's key.
func newPair(now time.Time, dnsName string) (*pair, *x509.Certificate, error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	caTemplate := &x509.Certificate{
		Subject:   pkix.Name{CommonName: caName},
		NotBefore: now.Add(-backdate), NotAfter: now.Add(lifetime),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign,
	}
	ca, err := sign(caTemplate, caTemplate, &caKey.PublicKey, caKey)
	if err != nil {
		return nil, nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	leaf, err := sign(&x509.Certificate{
		Subject:   pkix.Name{CommonName: dnsName},
		DNSNames:  []string{dnsName},
		NotBefore: now.Add(-backdate), NotAfter: now.Add(lifetime),
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, ca, &key.PublicKey, caKey)
	if err != nil {
		return nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	p, err := readPair(encodeCerts(leaf), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
	return p, ca, err
}

func sign(template, parent *x509.Certificate, public *ecdsa.PublicKey, key *ecdsa.PrivateKey) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, fmt.Errorf("signing the webhook's certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

// readPair parses a certificate and its key, which must match.
func readPair(certPEM, keyPEM []byte) (*pair, error) {
	c, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, err
	}
	return &pair{certPEM: certPEM, keyPEM: keyPEM, tls: &c}, nil
}

// usable returns why a client that expects the DNS name and trusts the CAs would refuse the
// certificate, or nil.
func (p *pair) usable(now time.Time, dnsName string, cas []*x509.Certificate) error {
	_, err := p.tls.Leaf.Verify(x509.VerifyOptions{DNSName: dnsName, Roots: pool(cas), CurrentTime: now})
	return err
}

// issuer returns the CA that signed the certificate, or nil.
func (p *pair) issuer(cas []*x509.Certificate) *x509.Certificate {
	for _, ca := range cas {
		if p.tls.Leaf.CheckSignatureFrom(ca) == nil {
			return ca
		}
	}
	return nil
}

func pool(cas []*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, ca := range cas {
		p.AddCert(ca)
	}
	return p
}

// readCerts parses the certificates of a PEM text, and skips those that are invalid.
func readCerts(text []byte) []*x509.Certificate {
	var certs []*x509.Certificate
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return certs
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
			certs = append(certs, c)
		}
	}
}

func encodeCerts(certs ...*x509.Certificate) []byte {
	var b bytes.Buffer
	for _, c := range certs {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return b.Bytes()
}
