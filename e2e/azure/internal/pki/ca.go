package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"time"
)

// caLifetime is the lifetime of every CA certificate.
const caLifetime = 10 * 365 * 24 * time.Hour

// CA is a certificate authority: its certificate and its signing key.
type CA struct {
	Cert *x509.Certificate
	Key  crypto.Signer
}

// NewRoot creates a self-signed CA with an EC P-256 key.
func NewRoot(name string) (*CA, error) {
	key, err := NewKey(ECP256, nil)
	if err != nil {
		return nil, err
	}
	cert, err := issue(caTemplate(name), key, nil)
	if err != nil {
		return nil, err
	}
	return &CA{Cert: cert, Key: key}, nil
}

// NewIntermediate creates a CA that c issues.
func (c *CA) NewIntermediate(name string) (*CA, error) {
	key, err := NewKey(ECP256, nil)
	if err != nil {
		return nil, err
	}
	cert, err := issue(caTemplate(name), key, c)
	if err != nil {
		return nil, err
	}
	return &CA{Cert: cert, Key: key}, nil
}

// LoadOrCreateRoot reads a root from file, which contains its certificate and its PKCS #8 key in
// PEM. If the file does not exist, it creates a root and the file, which only the owner can read.
func LoadOrCreateRoot(file, name string) (*CA, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		ca, err := NewRoot(name)
		if err != nil {
			return nil, err
		}
		data, err := ca.marshal()
		if err != nil {
			return nil, err
		}
		return ca, os.WriteFile(file, data, 0o600)
	}
	if err != nil {
		return nil, err
	}
	ca, err := parseCA(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return ca, nil
}

// CertPEM returns the CA's certificate.
func (c *CA) CertPEM() []byte { return encodeCerts([]*x509.Certificate{c.Cert}) }

func (c *CA) marshal() ([]byte, error) {
	key, err := encodeKey(c.Key)
	if err != nil {
		return nil, err
	}
	return append(c.CertPEM(), key...), nil
}

func parseCA(data []byte) (*CA, error) {
	certBlock, rest := pem.Decode(data)
	keyBlock, _ := pem.Decode(rest)
	if certBlock == nil || keyBlock == nil {
		return nil, errors.New("want a certificate followed by its key, in PEM")
	}
	cert, err := x509.ParseCertificate(certBlock.Bytes)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok || !cert.IsCA {
		return nil, errors.New("this is not the certificate and key of a CA")
	}
	return &CA{Cert: cert, Key: signer}, nil
}

func caTemplate(name string) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		Subject:               pkix.Name{CommonName: name, Organization: []string{"azure-cert-sync test emulator"}},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(caLifetime),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}

// issue signs template for key with a new serial number. If ca is nil, the certificate is
// self-signed.
func issue(template *x509.Certificate, key crypto.Signer, ca *CA) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	parent, signer := template, key
	if ca != nil {
		parent, signer = ca.Cert, ca.Key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}
