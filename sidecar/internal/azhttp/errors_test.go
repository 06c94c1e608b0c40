package azhttp_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/azhttp"
)

// expiredServer is a server on 127.0.0.1 with an expired certificate.
func expiredServer(t *testing.T) *httptest.Server {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().AddDate(-2, 0, 0), NotAfter: time.Now().AddDate(-1, 0, 0),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(t, err)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Every failure to get a response is an *UnreachableError that names the host and want what to
// check.
func TestUnreachable(t *testing.T) {
	good := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/break" {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Padding", strings.Repeat("x", 100<<10))
	}))
	t.Cleanup(good.Close)
	expired := expiredServer(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	check(t, closed.Close())
	_, port, err := net.SplitHostPort(good.Listener.Addr().String())
	check(t, err)

	for name, c := range map[string]struct {
		url  string
		host string
		dial func(context.Context, string, string) (net.Conn, error)
		want string
	}{
		"nothing listens": {url: "https://" + closed.Addr().String(), want: "check that network policies, firewalls and proxies allow connections to its port 443"},
		"no such name":    {url: "https://name.invalid", host: "name.invalid", dial: noSuchHost, want: "check the name, the cluster's DNS"},
		"no route":        {url: "https://192.0.2.1", host: "192.0.2.1", dial: timeout, want: "check that network policies, firewalls and proxies allow connections to its port 443"},
		"another name":    {url: "https://localhost:" + port, host: "localhost:" + port, want: "another server responds under this name"},
		"expired":         {url: expired.URL, want: "check the node's clock"},
		"no TLS":          {url: "https://127.0.0.1:" + plainPort(t), want: "the request is retried; if this continues"},
		"truncated":       {url: good.URL + "/break", want: "the request is retried; if this continues"},
		"endless headers": {url: good.URL, want: "the request is retried; if this continues"},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := azhttp.New(azhttp.Options{ExtraCA: append(certificatePEM(good), certificatePEM(expired)...), DialContext: c.dial})
			check(t, err)
			t.Cleanup(client.CloseIdleConnections)
			_, err = do(t, client, c.url)
			unreachable, ok := errors.AsType[*azhttp.UnreachableError](err)
			if !ok {
				t.Fatalf("unexpected error %T %v", err, err)
			}
			if c.host == "" {
				c.host = strings.TrimSuffix(strings.TrimPrefix(c.url, "https://"), "/break")
			}
			if unreachable.Host != c.host || !strings.Contains(unreachable.Error(), c.want) {
				t.Errorf("host %s, %v; want %s, %q", unreachable.Host, unreachable, c.host, c.want)
			}
		})
	}
}

// noSuchHost is a network in which no name exists. The machine's DNS is not used.
func noSuchHost(_ context.Context, _, address string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: address, IsNotFound: true}}
}

// timeout is a network in which every connection times out.
func timeout(context.Context, string, string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: context.DeadlineExceeded}
}

// plainPort returns the port of a server that supports HTTP, but not TLS.
func plainPort(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	check(t, err)
	return port
}

func certificatePEM(server *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}
