// Package azhttp contains the HTTP client for Microsoft Entra ID, Key Vault and the metadata
// service, and an azcore policy that observes requests and converts failures into typed errors.
//
// It guarantees that every https connection is verified TLS (only the machine's metadata service
// uses plain http, since it offers nothing else), that the size of every response and the time of
// every request are limited, and that a request without a response fails with an *UnreachableError.
// If identity bindings are configured, azidentity uses its own client for the cluster's token
// proxy, and only the time limits of the callers apply to it.
//
// It never follows a redirect, so that a token is not sent to a host that a response names. It
// never retries a request, which is the sync loop's task. It never puts any part of a body or
// header into an error. For callers that do, CleanText removes what must not get into a log.
package azhttp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// Limits of the client. A secret of Key Vault has at most 25 KB, and a response takes well under a
// second. If a request takes longer than these limits, it is better to retry on a new connection.
const (
	// CallTimeout limits one request and its response, including the body.
	CallTimeout = 15 * time.Second

	connectTimeout = 5 * time.Second
	maxBodyBytes   = 1 << 20
	maxHeaderBytes = 64 << 10
	// maxConnections is greater than the number of the loop's concurrent requests, so that no
	// connection of a sync is closed early.
	maxConnections = 32
	// idleTimeout keeps connections for the retries of one sync, but not until the next poll: an
	// idle TLS connection uses about 50 KB, and load balancers silently drop it after a few
	// minutes.
	idleTimeout = 20 * time.Second
)

// Client is a policy.Transporter. Create it with New.
type Client struct {
	http  *http.Client
	where contract.Mode
}

// Options are the options of a Client. The zero value is the default.
type Options struct {
	// ExtraCA contains PEM certificates that are trusted in addition to those of the system.
	ExtraCA []byte
	// Direct disables proxies. The machine's metadata service can only be reached directly.
	Direct bool
	// Where selects the texts of errors.
	Where contract.Mode
	// DialContext opens connections. If it is nil, a net.Dialer does.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
}

// New returns a Client. It uses the proxies of HTTPS_PROXY and NO_PROXY. It returns an error if the
// proxy or ExtraCA is invalid.
func New(o Options) (*Client, error) {
	roots, err := trustedRoots(o)
	if err != nil {
		return nil, err
	}
	if o.DialContext == nil {
		o.DialContext = (&net.Dialer{Timeout: connectTimeout, KeepAlive: idleTimeout}).DialContext
	}
	var proxy func(*http.Request) (*url.URL, error)
	if !o.Direct {
		if err := checkProxy(); err != nil {
			return nil, err
		}
		proxy = http.ProxyFromEnvironment
	}
	return &Client{where: o.Where, http: &http.Client{
		Timeout: CallTimeout,
		Transport: &http.Transport{
			Proxy:                  proxy,
			OnProxyConnectResponse: checkTunnel,
			DialContext:            o.DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    connectTimeout,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           maxConnections,
			MaxIdleConnsPerHost:    maxConnections,
			IdleConnTimeout:        idleTimeout,
			ReadBufferSize:         4 << 10,
			WriteBufferSize:        4 << 10,
			MaxResponseHeaderBytes: maxHeaderBytes,
			ExpectContinueTimeout:  time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Do sends a request. Reading the response's body fails after 1 MiB.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	resp.Body = &limitedBody{body: resp.Body, left: maxBodyBytes}
	return resp, nil
}

// CloseIdleConnections closes the connections that the last sync left open.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

func trustedRoots(o Options) (*x509.CertPool, error) {
	if len(o.ExtraCA) == 0 {
		return nil, nil // those of the system
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the system's CA certificates: %w", err)
	}
	if !roots.AppendCertsFromPEM(o.ExtraCA) {
		return nil, errors.New("CERTSYNC_EXTRA_CA does not contain a PEM certificate: " +
			"include the BEGIN and END lines of each certificate" + o.Where.Text(" (chart value sidecar.extraCA)", ""))
	}
	return roots, nil
}

var errTooLarge = fmt.Errorf("the response is larger than %d bytes", maxBodyBytes)

// limitedBody is a response body that fails if it is too long. An io.LimitedReader would return
// io.EOF.
type limitedBody struct {
	body io.ReadCloser
	left int
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	if len(p) > b.left {
		p = p[:b.left]
	}
	n, err := b.body.Read(p)
	b.left -= n
	return n, err
}

func (b *limitedBody) Close() error { return b.body.Close() }
