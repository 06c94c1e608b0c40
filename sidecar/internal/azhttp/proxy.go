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

// proxyVariables are those that https requests go by, in the order of net/http.
var proxyVariables = []string{"HTTPS_PROXY", "https_proxy"}

// checkProxy returns an error where net/http would take a variable for none, and silently use no proxy. It does not repeat
// the value, which may have a password in it.
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
		return fmt.Errorf("%s is no proxy's address: write it as http://<host>:<port>, with user:password@ before the host where it "+
			"wants them, special characters in these as %%XX", name)
	}
	return nil
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
