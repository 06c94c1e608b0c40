package contract

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// parseURL is url.Parse with only the reason as the error. The error of url.Parse contains the URL
// and therefore a password in it.
func parseURL(text string) (*url.URL, string) {
	u, err := url.Parse(text)
	if err == nil {
		return u, ""
	}
	var e *url.Error
	if errors.As(err, &e) {
		err = e.Err
	}
	return nil, "is not a URL: " + err.Error()
}

// redactURL returns a URL for a message, without the parts that can contain credentials: user
// information, query and fragment. The URL can be invalid.
func redactURL(text string) string {
	if i := strings.IndexAny(text, "?#"); i >= 0 {
		text = text[:i]
	}
	if i := strings.LastIndexByte(text, '@'); i > 0 {
		scheme, _, found := strings.Cut(text[:i], "//")
		if !found {
			scheme = ""
		}
		return scheme + "//..." + text[i:]
	}
	return text
}

// singleSlashes returns a path without repeated slashes, which mean the same as one.
func singleSlashes(p string) string {
	for strings.Contains(p, "//") {
		p = strings.ReplaceAll(p, "//", "/")
	}
	return p
}

// loopback reports whether a host is "localhost" or a loopback address.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// ReasonInvalidPort is the reason in errors about ports.
const ReasonInvalidPort = "expected a port from 1 to 65535"

// validPort reports whether text is empty or a port number above zero.
func validPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return text == "" || err == nil && port > 0
}
