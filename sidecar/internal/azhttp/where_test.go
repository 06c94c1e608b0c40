package azhttp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"regexp"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// ofKubernetes matches what a host does not have.
var ofKubernetes = regexp.MustCompile(`(?i)\b(pods?|cluster|chart|node|sidecar|mesh|network policies)\b`)

// On a host, no text speaks of Kubernetes.
func TestHostTexts(t *testing.T) {
	for name, cause := range map[string]error{
		"name":      &net.DNSError{Err: "no such host"},
		"dial":      &net.OpError{Op: "dial", Err: errors.New("refused")},
		"proxy":     &net.OpError{Op: "proxyconnect", Err: errors.New("refused")},
		"timeout":   context.DeadlineExceeded,
		"host name": &tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: new(x509.Certificate), Host: "a"}},
		"expired":   &tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}},
		"authority": &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}},
		"large":     errTooLarge,
		"broken":    errTruncated,
	} {
		for _, host := range []string{"example.vault.azure.net", MetadataHost, "127.0.0.1" + arcPort} {
			e := &UnreachableError{Host: host, Err: cause, Where: contract.Host}
			if ofKubernetes.MatchString(e.Error()) {
				t.Errorf("%s, %s: %s", name, host, e)
			}
		}
	}
	if _, err := New(Options{ExtraCA: []byte("none"), Where: contract.Host}); err == nil || ofKubernetes.MatchString(err.Error()) {
		t.Errorf("extra CA: %v", err)
	}
}
