package cluster

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"testing"
	"time"
)

func TestIssuedCertificates(t *testing.T) {
	now := time.Now()
	ca, err := newAuthority(now)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca.cert)
	for name, id := range identities() {
		t.Run(name, func(t *testing.T) {
			pair, err := ca.issue(id, now)
			if err != nil {
				t.Fatal(err)
			}
			both, err := tls.X509KeyPair(pair.cert, pair.key) // also checks that they belong together
			if err != nil {
				t.Fatal(err)
			}
			cert := both.Leaf
			if cert.Subject.CommonName != id.user || !slices.Equal(cert.Subject.Organization, id.groups) {
				t.Errorf("subject %s, want user %q, groups %q", cert.Subject, id.user, id.groups)
			}
			verify := func(name string, usage x509.ExtKeyUsage) error {
				_, err := cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, KeyUsages: []x509.ExtKeyUsage{usage}})
				return err
			}
			if err := verify("", x509.ExtKeyUsageClientAuth); err != nil {
				t.Errorf("as a client: %v", err)
			}
			for _, name := range id.dns {
				if err := verify(name, x509.ExtKeyUsageServerAuth); err != nil {
					t.Errorf("as a server: %v", err)
				}
			}
			if serves := slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageServerAuth); serves != (len(id.dns) > 0) {
				t.Errorf("valid for servers: %t, with names %q", serves, id.dns)
			}
			if cert.IsCA {
				t.Error("it could issue certificates")
			}
		})
	}
}

// Relying parties expect RS256.
func TestServiceAccountKey(t *testing.T) {
	pair, err := newServiceAccountKey()
	if err != nil {
		t.Fatal(err)
	}
	private, _ := pem.Decode(pair.key)
	key, err := x509.ParsePKCS8PrivateKey(private.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	public, _ := pem.Decode(pair.cert)
	its, err := x509.ParsePKIXPublicKey(public.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if k, ok := key.(*rsa.PrivateKey); !ok || !k.PublicKey.Equal(its) {
		t.Errorf("private key is a %T, or the public key does not belong to it", key)
	}
}
