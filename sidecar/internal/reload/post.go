package reload

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// postTimeout limits a POST, including the connection and the response. An app may respond only
// after it has reloaded.
const postTimeout = 10 * time.Second

// post is a Call that sends a POST to a URL on loopback.
type post struct{ url string }

// Try implements Call. Any 2xx status is success. The error is a *PostError.
func (p post) Try(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, nil)
	if err != nil {
		return &PostError{URL: p.url, Err: err} // impossible: Validate refuses invalid URLs
	}
	transport := newTransport()
	defer transport.CloseIdleConnections()
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		var outer *url.Error
		if errors.As(err, &outer) {
			err = outer.Err // without the URL, whose query may contain a secret
		}
		return &PostError{URL: withoutQuery(req.URL), Err: err}
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // only the status matters
	if resp.StatusCode/100 != 2 {
		return &PostError{URL: withoutQuery(req.URL), Status: resp.StatusCode}
	}
	return nil
}

// newTransport returns a transport that connects only to loopback, without a proxy.
func newTransport() *http.Transport {
	return &http.Transport{
		DialContext: (&net.Dialer{Control: loopbackOnly}).DialContext,
		// The app's certificate is for its service name, not for localhost. Nobody can intercept
		// the connection on loopback.
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12},
		DisableKeepAlives: true,
	}
}

var errNotLoopback = errors.New("it is not a loopback address")

// loopbackOnly refuses other addresses, to which a name such as localhost could resolve.
func loopbackOnly(_, address string, _ syscall.RawConn) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if !a.Addr().Unmap().IsLoopback() {
		return errNotLoopback
	}
	return nil
}

// withoutQuery returns a URL without its query, which may contain a secret.
func withoutQuery(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// PostError is returned if the POST fails.
type PostError struct {
	// URL does not include the query.
	URL string
	// Status is the status code of the response, or 0 if there was none. Err is the reason then.
	Status int
	Err    error
}

func (e *PostError) Error() string {
	switch {
	case e.Err != nil:
		return fmt.Sprintf("reload.url: POST %s: no response: %v: check that the app listens there", e.URL, e.Err)
	case e.Status/100 == 3:
		return fmt.Sprintf("reload.url: POST %s: status %d %s: redirects are not followed: use a URL that returns 2xx",
			e.URL, e.Status, http.StatusText(e.Status))
	default:
		return fmt.Sprintf("reload.url: POST %s: status %d %s: the app must return a 2xx status", e.URL, e.Status, http.StatusText(e.Status))
	}
}

func (e *PostError) Unwrap() error { return e.Err }
