package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
)

// peerName is the name in the peer's certificate.
const peerName = "azure-wi-webhook-webhook-service.azure-workload-identity-system.svc"

// peer is the webhook of Azure Workload Identity, which injects the identity only. It runs as in
// its manifest, but with a given certificate: to make one, it would need its Secret mounted by a
// kubelet, and would start later.
type peer struct {
	program      string
	certificates string // folder
	roots        *x509.CertPool
}

// buildPeer builds the peer from a folder with its source, with the flags of our own programs.
func (b *bench) buildPeer(ctx context.Context, source string) (*peer, error) {
	b.progress("building the peer in %s", source)
	p := &peer{program: filepath.Join(b.temp, "peer"), certificates: filepath.Join(b.temp, "peer-certificates")}
	_, err := rig.Output(ctx, source, "env", "CGO_ENABLED=0", "GOWORK=off",
		"go", "build", "-buildvcs=false", "-trimpath", "-ldflags", "-s -w", "-o", p.program, "./cmd/webhook")
	if err != nil {
		return nil, fmt.Errorf("PEER must be a folder with the source of Azure Workload Identity: %w", err)
	}
	return p, p.certify()
}

// certify creates a certificate of the kind that our webhook has.
func (p *peer) certify() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: peerName}, DNSNames: []string{peerName},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	p.roots = x509.NewCertPool()
	p.roots.AppendCertsFromPEM(certificate)
	if err := os.Mkdir(p.certificates, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(p.certificates, "tls.crt"), certificate, 0o600); err != nil {
		return err
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
	return os.WriteFile(filepath.Join(p.certificates, "tls.key"), private, 0o600)
}

// start starts the peer. It says that it is ready before it has its handler: until then, it
// responds with HTTP 404, so the time until it has the handler counts.
func (p *peer) start(ctx context.Context, n node) (*rig.Process, time.Duration, *tls.Config, error) {
	begin := time.Now()
	process, _, err := n.StartServer(ctx, "peer", []string{
		"env", "AZURE_TENANT_ID=" + rig.TenantID, p.program, "--kubeconfig", n.Kubeconfig(), "--log-level=info",
		"--disable-cert-rotation", "--webhook-cert-dir", p.certificates,
	})
	if err != nil {
		return nil, 0, nil, err
	}
	config := &tls.Config{RootCAs: p.roots, ServerName: peerName, NextProtos: []string{"http/1.1"}}
	for status := http.StatusNotFound; status == http.StatusNotFound; {
		if status, err = p.probe(ctx, n, config); err == nil {
			err = rig.Pause(ctx, 5*time.Millisecond)
		}
		if err != nil {
			process.Stop()
			return nil, 0, nil, err
		}
	}
	return process, time.Since(begin), config, nil
}

// probe returns the status of the response to a request that is not a review.
func (p *peer) probe(ctx context.Context, n node, config *tls.Config) (int, error) {
	c, err := n.Connect(ctx, config)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	status, _, err := c.Send(rig.Post([]byte("{}")), time.Now().Add(5*time.Second))
	return status, err
}
