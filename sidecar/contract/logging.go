package contract

import (
	"net"
	"net/url"
	"strconv"
)

// Defaults of loggingSettings.
const (
	LoggerFluentd      = "fluentd"
	LogFormatForward   = "forward"
	DefaultLogPort     = "24224"
	DefaultServiceName = "certsync"
)

// logging checks loggingSettings, and completes them where an endpoint is given: the only logger is
// fluentd and its only format is forward.
//
// Source: https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1
func (v *validator) logging() {
	l := v.settings.Logging
	if l == (Logging{}) {
		return
	}
	if l.Logger != "" && l.Logger != LoggerFluentd {
		v.fail(pathLogging+".logger", l.Logger, "only %q is supported", LoggerFluentd)
	}
	if l.Format != "" && l.Format != LogFormatForward {
		v.fail(pathLogging+".format", l.Format, "only %q is supported", LogFormatForward)
	}
	l.Logger, l.Format = LoggerFluentd, LogFormatForward
	if l.ServiceName == "" {
		l.ServiceName = DefaultServiceName
	}
	l.Endpoint = v.logEndpoint(l.Endpoint)
	v.config.Logging = l
}

// logEndpoint returns tcp://<host>:<port>.
func (v *validator) logEndpoint(text string) string {
	at := pathLogging + ".endpoint"
	if text == "" {
		v.fail(at, "", "is needed with the other logging settings, as in tcp://localhost:%s", DefaultLogPort)
		return ""
	}
	u, reason := parseURL(text)
	if reason == "" && (u.Scheme != "tcp" || u.Hostname() == "" || u.Path != "" || *u != (url.URL{Scheme: u.Scheme, Host: u.Host})) {
		reason = "expected tcp://<host>:<port>, as in tcp://localhost:" + DefaultLogPort
	}
	if reason == "" && !validPort(u.Port()) {
		reason = "a port is a number from 1 to 65535"
	}
	if reason != "" {
		v.fail(at, shownURL(text), "%s", reason)
		return ""
	}
	port := u.Port()
	if port == "" {
		port = DefaultLogPort
	}
	return "tcp://" + net.JoinHostPort(u.Hostname(), port)
}

// validPort tells whether text is empty or a port.
func validPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return text == "" || err == nil && port > 0
}
