package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// authority is a CA that signs certificates for clients and servers.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	a.cert, a.key = a.sign(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// sign returns a new certificate, which is self-signed if the authority does not have one yet.
func (a *authority) sign(template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber, template.Subject = big.NewInt(1), pkix.Name{CommonName: "test"}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

func (a *authority) leaf(usage x509.ExtKeyUsage) *tls.Certificate {
	cert, key := a.sign(&x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{usage}})
	return &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

func (a *authority) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}))
}

// TestClientCA checks which clients reach the handler, and that the self-request succeeds with and
// without a client CA, but not if nothing listens.
func TestClientCA(t *testing.T) {
	ours, others := newAuthority(t), newAuthority(t)
	serving := ours.leaf(x509.ExtKeyUsageServerAuth)
	for name, test := range map[string]struct {
		clientCA string
		client   *tls.Certificate
		reaches  bool
	}{
		"no client CA":            {"", nil, true},
		"no certificate":          {ours.pem(), nil, false},
		"certificate of the CA":   {ours.pem(), ours.leaf(x509.ExtKeyUsageClientAuth), true},
		"certificate of another":  {ours.pem(), others.leaf(x509.ExtKeyUsageClientAuth), false},
		"certificate of a server": {ours.pem(), ours.leaf(x509.ExtKeyUsageServerAuth), false},
		"two CAs":                 {others.pem() + ours.pem(), ours.leaf(x509.ExtKeyUsageClientAuth), true},
	} {
		t.Run(name, func(t *testing.T) {
			o := &options{clientCA: test.clientCA}
			c := &tls.Config{Certificates: []tls.Certificate{*serving}}
			o.requireClientCertificate(c)
			listener, err := tls.Listen("tcp", "127.0.0.1:0", c)
			if err != nil {
				t.Fatal(err)
			}
			var served atomic.Int32
			server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served.Add(1) })}
			go func() { _ = server.Serve(listener) }()
			port := listener.Addr().(*net.TCPAddr).Port
			config := &tls.Config{InsecureSkipVerify: true}
			if test.client != nil {
				config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return test.client, nil }
			}
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
			resp, err := client.Get(fmt.Sprintf("https://127.0.0.1:%d/", port))
			if err == nil {
				resp.Body.Close()
			}
			if reached := err == nil && served.Load() == 1; reached != test.reaches {
				t.Errorf("got %v and %d requests, want one to be served: %v", err, served.Load(), test.reaches)
			}
			if err := selfRequest(t.Context(), port); err != nil {
				t.Errorf("self-request: %v", err)
			}
			_ = server.Close() // the test is over
			if err := selfRequest(t.Context(), port); err == nil {
				t.Error("the self-request succeeds though nothing listens")
			}
		})
	}
}
