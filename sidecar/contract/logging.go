package contract

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// Defaults of loggingSettings.
const (
	LoggerFluentd      = "fluentd"
	LogFormatForward   = "forward"
	DefaultLogPort     = "24224"
	DefaultServiceName = "certsync"
)

// logging checks loggingSettings and fills in the defaults. The only logger is fluentd, and its
// only format is forward.
//
// Source: https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1
func (v *validator) logging() {
	l := v.settings.Logging
	if l == (Logging{}) {
		return
	}
	if l.Logger != "" && l.Logger != LoggerFluentd {
		v.fail(PathLogging+".logger", l.Logger, "only %q is supported", LoggerFluentd)
	}
	if l.Format != "" && l.Format != LogFormatForward {
		v.fail(PathLogging+".format", l.Format, "only %q is supported", LogFormatForward)
	}
	l.Logger, l.Format = LoggerFluentd, LogFormatForward
	if l.ServiceName == "" {
		l.ServiceName = DefaultServiceName
	}
	l.Endpoint = v.logEndpoint(l.Endpoint)
	v.config.Logging = l
}

// logEndpoint checks tcp://<host>[:<port>] and unix://<path>. It returns the endpoint with the port,
// or "" if it is invalid.
func (v *validator) logEndpoint(text string) string {
	at := PathLogging + ".endpoint"
	if text == "" {
		v.fail(at, "", "is required with the other logging settings, as in tcp://localhost:%s", DefaultLogPort)
		return ""
	}
	u, reason := parseURL(text)
	var endpoint string
	if reason == "" && u.Scheme == "unix" {
		endpoint, reason = unixEndpoint(u)
	} else if reason == "" {
		endpoint, reason = tcpEndpoint(u)
	}
	if reason != "" {
		v.fail(at, redactURL(text), "%s", reason)
		return ""
	}
	if u.Scheme == "unix" && v.mode == Pod {
		v.warn(at, "%s is probably not reachable: the sidecar does not see sockets of other containers or of the node; use tcp://<host>:%s",
			quote(endpoint), DefaultLogPort)
	}
	return endpoint
}

func tcpEndpoint(u *url.URL) (endpoint, reason string) {
	if u.Scheme != "tcp" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" ||
		*u != (url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}) {
		return "", "expected tcp://<host>:<port>, as in tcp://localhost:" + DefaultLogPort + ", or unix:///<path of a socket>"
	}
	if !validPort(u.Port()) {
		return "", ReasonInvalidPort
	}
	return "tcp://" + net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), DefaultLogPort)), ""
}

// maxSocketPath is the size of sun_path without the NUL.
//
// Source: unix(7)
const maxSocketPath = 107

func unixEndpoint(u *url.URL) (endpoint, reason string) {
	path := singleSlashes(u.Path)
	switch {
	case u.Host != "":
		return "", "expected three slashes, as in unix:///" + u.Host + path
	case u.User != nil || u.Opaque != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", "expected only the path of a socket, as in unix:///run/fluent.sock"
	case len(path) > maxSocketPath:
		return "", fmt.Sprintf("the path of a socket has at most %d bytes", maxSocketPath)
	}
	return "unix://" + path, checkAbsolute(path)
}
