package cluster

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"time"
)

// certificateLife is how long the node's certificates are valid. Replace a node before it is older
// than that.
const certificateLife = 365 * 24 * time.Hour

// keyPair is a certificate and its private key, both in PEM.
type keyPair struct {
	cert, key []byte
}

// authority issues the node's certificates.
type authority struct {
	keyPair
	x509   *x509.Certificate
	signer crypto.Signer
}

// newAuthority creates a certificate authority that only the node's programs trust.
func newAuthority(now time.Time) (*authority, error) {
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "certsync test cluster"},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	a := &authority{x509: template, signer: signer} // self-signed
	a.keyPair, err = a.sign(template, signer, now)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(a.cert)
	a.x509, err = x509.ParseCertificate(block.Bytes)
	return a, err
}

// identity is the content of a certificate of the node: the Kubernetes user and groups, and the
// names and addresses of a server.
type identity struct {
	user   string
	groups []string
	dns    []string
	ips    []net.IP
}

// issue creates a certificate for clients and, if it has names or addresses, for servers.
func (a *authority) issue(id identity, now time.Time) (keyPair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return keyPair{}, err
	}
	usage := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if len(id.dns)+len(id.ips) > 0 {
		usage = append(usage, x509.ExtKeyUsageServerAuth)
	}
	return a.sign(&x509.Certificate{
		Subject:               pkix.Name{CommonName: id.user, Organization: id.groups},
		DNSNames:              id.dns,
		IPAddresses:           id.ips,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           usage,
	}, key, now)
}

func (a *authority) sign(template *x509.Certificate, key crypto.Signer, now time.Time) (keyPair, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return keyPair{}, err
	}
	template.SerialNumber = serial
	template.NotBefore, template.NotAfter = now.Add(-time.Minute), now.Add(certificateLife)
	der, err := x509.CreateCertificate(rand.Reader, template, a.x509, key.Public(), a.signer)
	if err != nil {
		return keyPair{}, err
	}
	private, err := privatePEM(key)
	if err != nil {
		return keyPair{}, err
	}
	return keyPair{cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), key: private}, nil
}

// newServiceAccountKey creates the key that signs service account tokens, with the public part in
// cert. It is an RSA key, because relying parties such as Entra ID accept only RS256.
func newServiceAccountKey() (keyPair, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return keyPair{}, err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return keyPair{}, err
	}
	private, err := privatePEM(key)
	return keyPair{cert: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), key: private}, err
}

func privatePEM(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}
