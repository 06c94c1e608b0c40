// Package azhttp is how the sidecar talks to Microsoft Entra ID and Key Vault: one HTTP client for all of
// them, and one azcore policy that counts requests and gives failures a type.
//
// It guarantees that every https connection is verified TLS (plain http is for the machine's metadata service
// alone, which has no other), that no answer is read without a limit on its
// size, that no request waits forever, and that a failure to get an answer is an *UnreachableError.
// (Where identity bindings are configured, azidentity reaches the cluster's token proxy by a client of its own: that one
// is held to the time limits of its callers alone.)
// It never follows a redirect (a token must not travel to where an answer points), never repeats a
// request (the sync loop does, and counts), and never puts anything of a request's or an answer's body
// or header into an error.
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
)

// Limits of the client. Key Vault's answers have at most 25 KB of secret and are there in well under a
// second; what takes longer than this is better tried again on a new connection.
const (
	// CallTimeout bounds one request and its answer, body included.
	CallTimeout = 15 * time.Second

	connectTimeout = 5 * time.Second
	maxAnswerBytes = 1 << 20
	maxHeaderBytes = 64 << 10
	// maxConnections is above what the loop asks for at once, so that a sync needs no second wave.
	maxConnections = 32
	// idleTimeout keeps connections for the retries of one sync, not until the next poll: an idle TLS
	// connection costs some 50 KB, and a load balancer drops it silently after a few minutes anyway.
	idleTimeout = 20 * time.Second
)

// Client is a policy.Transporter.
type Client struct {
	http *http.Client
}

// Options of a Client; the zero value is what most need.
type Options struct {
	// ExtraCA has PEM certificates that are trusted beside the system's.
	ExtraCA []byte
	// Direct uses no proxy: the machine's metadata service is asked from the machine.
	Direct bool
	// DialContext connects; nil stands for the network.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
}

// New returns a Client. Proxies are taken from HTTPS_PROXY and NO_PROXY. The error says that one of these variables, or
// ExtraCA, is not what it should be.
func New(o Options) (*Client, error) {
	roots, err := trustedRoots(o.ExtraCA)
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
	return &Client{http: &http.Client{
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

// Do sends a request. The answer's body ends with an error after 1 MiB.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	resp.Body = &limitedBody{body: resp.Body, left: maxAnswerBytes}
	return resp, nil
}

// CloseIdleConnections gives back what the last sync left open.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

func trustedRoots(extraCA []byte) (*x509.CertPool, error) {
	if len(extraCA) == 0 {
		return nil, nil // the system's
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the system's CA certificates: %w", err)
	}
	if !roots.AppendCertsFromPEM(extraCA) {
		return nil, errors.New("CERTSYNC_EXTRA_CA: no PEM certificate in it: give certificates with their BEGIN and END lines (chart value sidecar.extraCA)")
	}
	return roots, nil
}

var errTooLarge = fmt.Errorf("the answer is larger than %d bytes", maxAnswerBytes)

// limitedBody is an answer's body that fails, other than an io.LimitedReader, when it is too long.
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
