package azhttp

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
)

// proxyVariables are the variables for the proxy of https requests, in the order of net/http.
var proxyVariables = []string{"HTTPS_PROXY", "https_proxy"}

// checkProxy returns an error if net/http would silently ignore an invalid variable and use no
// proxy. The error does not contain the value, which may include a password.
func checkProxy() error {
	for _, name := range proxyVariables {
		value := os.Getenv(name)
		if value == "" {
			continue
		}
		if u, err := url.Parse(value); err == nil && u.Host != "" && slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) {
			return nil
		}
		if u, err := url.Parse("http://" + value); err == nil && u.Host != "" && !strings.Contains(value, "://") {
			return nil
		}
		return fmt.Errorf("%s is not a valid proxy address: use http://<host>:<port>; put credentials before the host as user:password@, "+
			"with special characters encoded as %%XX", name)
	}
	return nil
}

// proxyRefusal is returned if a proxy refuses to open a tunnel.
type proxyRefusal struct {
	proxy  string // host and port
	status int
}

func (e *proxyRefusal) Error() string {
	return fmt.Sprintf("the proxy %s returned %d %s", e.proxy, e.status, http.StatusText(e.status))
}

func checkTunnel(_ context.Context, proxy *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	return &proxyRefusal{proxy: proxy.Host, status: resp.StatusCode}
}
