package azhttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// errProxyURL stands for net/http's error, which repeats the variable with the password that may be in it.
var errProxyURL = errors.New("the proxy's address is no URL")

// environmentProxy is http.ProxyFromEnvironment.
func environmentProxy(req *http.Request) (*url.URL, error) {
	proxy, err := http.ProxyFromEnvironment(req)
	if err != nil {
		return nil, errProxyURL
	}
	return proxy, nil
}

// proxyRefusal is a proxy's answer that is no tunnel.
type proxyRefusal struct {
	proxy  string // host and port
	status int
}

func (e *proxyRefusal) Error() string {
	return fmt.Sprintf("the proxy %s answers %d %s", e.proxy, e.status, http.StatusText(e.status))
}

func checkTunnel(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return &proxyRefusal{proxy: proxy.Host, status: answer.StatusCode}
}
