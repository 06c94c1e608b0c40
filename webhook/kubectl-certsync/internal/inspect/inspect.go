// Package inspect describes certificates: names, validity, keys and fingerprints. It reads public
// certificates only, never a private key.
package inspect

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // Azure shows this fingerprint as the thumbprint
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// Certificate describes one certificate of a chain.
type Certificate struct {
	Subject  string   `json:"subject"`
	Issuer   string   `json:"issuer"`
	Serial   string   `json:"serial"`
	DNSNames []string `json:"dnsNames,omitempty"`
	// Addresses, URIs and emails are the other names.
	OtherNames []string  `json:"otherNames,omitempty"`
	NotBefore  time.Time `json:"notBefore"`
	NotAfter   time.Time `json:"notAfter"`
	Key        string    `json:"key"`
	CA         bool      `json:"ca"`
	SHA256     string    `json:"sha256"`
	// SHA1 is the thumbprint that Azure shows.
	SHA1 string `json:"sha1"`
}

// Chain parses certificates in PEM. It refuses anything else.
func Chain(text string) (chain []Certificate, err error) {
	data := []byte(text)
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, errors.New("the chain has a block that is not a certificate: it is not shown")
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d of the chain: %w", len(chain)+1, err)
		}
		chain = append(chain, describe(c))
		data = rest
	}
	return chain, nil
}

func describe(c *x509.Certificate) Certificate {
	sum256, sum1 := sha256.Sum256(c.Raw), sha1.Sum(c.Raw) //nolint:gosec // a name, not protection
	d := Certificate{
		Subject: c.Subject.String(), Issuer: c.Issuer.String(), Serial: c.SerialNumber.Text(16),
		DNSNames: c.DNSNames, NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(), Key: key(c), CA: c.IsCA,
		SHA256: hex.EncodeToString(sum256[:]), SHA1: hex.EncodeToString(sum1[:]),
	}
	for _, ip := range c.IPAddresses {
		d.OtherNames = append(d.OtherNames, ip.String())
	}
	for _, uri := range c.URIs {
		d.OtherNames = append(d.OtherNames, uri.String())
	}
	d.OtherNames = append(d.OtherNames, c.EmailAddresses...)
	return d
}

// key returns the algorithm and size of the public key.
func key(c *x509.Certificate) string {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", k.N.BitLen())
	case *ecdsa.PublicKey:
		return "EC " + k.Curve.Params().Name
	}
	return c.PublicKeyAlgorithm.String()
}
