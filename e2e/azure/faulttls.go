package azure

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure/internal/pki"
)

// Present implements [Control].
func (e *Emulator) Present(_ context.Context, host, certificate string) error {
	host = strings.ToLower(host)
	if e.serviceOf(host) == nil {
		return fmt.Errorf("%w: host %q has no service", ErrNotFound, host)
	}
	other, err := e.otherCertificate(host, certificate)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.shown[host] = shown{certificate: other, since: e.connections}
	return nil
}

// otherCertificate returns nil for a host's own certificate.
func (e *Emulator) otherCertificate(host, kind string) (*tls.Certificate, error) {
	ca, names, end := e.tlsCA, []string{host}, time.Now().Add(time.Hour)
	switch kind {
	case "":
		return nil, nil
	case TLSWrongName:
		names = []string{"other.example.com"}
	case TLSExpired:
		end = time.Now().Add(-time.Hour)
	case TLSUntrusted:
		var err error
		if ca, err = pki.NewRoot(tlsCAName); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("%w: TLS certificate %q (want %s, %s or %s)", ErrInvalid, kind, TLSWrongName, TLSExpired, TLSUntrusted)
	}
	c, err := ca.ServingCertificateFor(names, time.Now().Add(-2*time.Hour), end)
	return &c, err
}

// shown is the TLS certificate that a host shows, and since which connection.
type shown struct {
	certificate *tls.Certificate // nil: its own
	since       int
}

// connectionKey is the key of a connection's number in the contexts of its requests.
type connectionKey struct{}

// countConnection numbers a new connection.
func (e *Emulator) countConnection(ctx context.Context, _ net.Conn) context.Context {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.connections++
	return context.WithValue(ctx, connectionKey{}, e.connections)
}

// presentedBy returns the certificate that Present gave a host, or nil.
func (e *Emulator) presentedBy(host string) *tls.Certificate {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.shown[host].certificate
}

// isOutdated tells whether a request came on a connection that is older than the host's
// certificate.
func (e *Emulator) isOutdated(r *http.Request, host string) bool {
	connection, _ := r.Context().Value(connectionKey{}).(int)
	e.mu.Lock()
	defer e.mu.Unlock()
	return connection <= e.shown[host].since
}
