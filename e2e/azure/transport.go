package azure

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"os"
	"syscall"
)

// DialContext connects to the emulator's first listener for every emulated host. For other hosts it
// returns "no such host", as for a vault that does not exist. A host that is cut off refuses the
// connection.
func (e *Emulator) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	host := hostOnly(addr)
	if e.serviceOf(host) == nil {
		err := &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	if e.isCutOff(host) {
		err := os.NewSyscallError("connect", syscall.ECONNREFUSED)
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	e.mu.Lock()
	dial := e.dial
	e.mu.Unlock()
	if dial == nil {
		return nil, errors.New("the emulator has not been started")
	}
	return dial(ctx)
}

// TLSClientConfig trusts the emulator's CA and nothing else.
func (e *Emulator) TLSClientConfig() *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(e.tlsCA.Cert)
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
}

// Transport returns a transport that reaches the emulator under the real host names. The caller
// closes its idle connections.
func (e *Emulator) Transport() *http.Transport {
	return &http.Transport{DialContext: e.DialContext, TLSClientConfig: e.TLSClientConfig()}
}

// Client returns an http.Client with a new Transport. Pass it to azidentity and azsecrets as
// policy.ClientOptions.Transport.
func (e *Emulator) Client() *http.Client { return &http.Client{Transport: e.Transport()} }
