package contract

import (
	"net"
	"net/url"
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

// logEndpoint checks tcp://<host>[:<port>] and returns it with the port, or "" if it is invalid.
func (v *validator) logEndpoint(text string) string {
	at := PathLogging + ".endpoint"
	if text == "" {
		v.fail(at, "", "is required with the other logging settings, as in tcp://localhost:%s", DefaultLogPort)
		return ""
	}
	u, reason := parseURL(text)
	if reason == "" && (u.Scheme != "tcp" || u.Hostname() == "" || u.Path != "" || *u != (url.URL{Scheme: u.Scheme, Host: u.Host})) {
		reason = "expected tcp://<host>:<port>, as in tcp://localhost:" + DefaultLogPort
	}
	if reason == "" && !validPort(u.Port()) {
		reason = ReasonInvalidPort
	}
	if reason != "" {
		v.fail(at, redactURL(text), "%s", reason)
		return ""
	}
	port := u.Port()
	if port == "" {
		port = DefaultLogPort
	}
	return "tcp://" + net.JoinHostPort(u.Hostname(), port)
}
