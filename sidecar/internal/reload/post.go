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

// postTimeout bounds a POST, connecting and the answer included. An app may answer after it has reloaded.
const postTimeout = 10 * time.Second

// post is a Call that POSTs to a URL of this pod or host.
type post struct{ url string }

// Try implements Call. Any 2xx is success; the error is a *PostError.
func (p post) Try(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, nil)
	if err != nil {
		return &PostError{URL: p.url, Err: err} // Validate refuses what is no URL
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
			err = outer.Err // without the URL, which may have a secret in its query
		}
		return &PostError{URL: shown(req.URL), Err: err}
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // the status is the answer
	if resp.StatusCode/100 != 2 {
		return &PostError{URL: shown(req.URL), Status: resp.StatusCode}
	}
	return nil
}

// newTransport connects to loopback only, and by no proxy.
func newTransport() *http.Transport {
	return &http.Transport{
		DialContext: (&net.Dialer{Control: loopbackOnly}).DialContext,
		// The app's certificate names its service, not localhost, and nobody is in between on loopback; the
		// request has nothing secret in it.
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12},
		DisableKeepAlives: true,
	}
}

var errNotLoopback = errors.New("it is no loopback address")

// loopbackOnly refuses addresses that a name such as localhost must not, but may, resolve to.
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

func shown(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// PostError says that the URL did not take the POST.
type PostError struct {
	// URL is without its query.
	URL string
	// Status is the answer's status code; 0 without an answer, and then Err says why.
	Status int
	Err    error
}

func (e *PostError) Error() string {
	switch {
	case e.Err != nil:
		return fmt.Sprintf("reload.url: POST %s: no answer: %v: does the app listen there?", e.URL, e.Err)
	case e.Status/100 == 3:
		return fmt.Sprintf("reload.url: POST %s: status %d %s: redirects are not followed: give the URL that answers 2xx",
			e.URL, e.Status, http.StatusText(e.Status))
	default:
		return fmt.Sprintf("reload.url: POST %s: status %d %s: the app must answer with any 2xx", e.URL, e.Status, http.StatusText(e.Status))
	}
}

func (e *PostError) Unwrap() error { return e.Err }
