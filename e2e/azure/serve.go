package azure

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"
)

// readHeaderTimeout closes abandoned connections.
const readHeaderTimeout = time.Minute

// maxBody is far larger than any token request.
const maxBody = 1 << 20

// Start serves on a free loopback port until Close and returns its address.
func (e *Emulator) Start() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	e.setAddr(l.Addr())
	go func() {
		if err := e.Serve(l); err != nil {
			e.log.Error("serving stopped", "error", err)
		}
	}()
	return l.Addr().String(), nil
}

// Serve accepts HTTPS connections on l until Close, and then returns nil. The certificate contains
// the names of Entra ID and all vaults. For a host name that is not emulated, the handshake fails.
func (e *Emulator) Serve(l net.Listener) error {
	e.setAddr(l.Addr())
	err := e.server.ServeTLS(l, "", "")
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Close closes all listeners and connections. Faults that hang are released.
func (e *Emulator) Close() error { return e.server.Close() }

// Addr returns the address of the first listener, or nil if none exists.
func (e *Emulator) Addr() net.Addr {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.addr
}

// setAddr stores the address of the first listener, which Addr returns and DialContext uses.
func (e *Emulator) setAddr(a net.Addr) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.addr == nil {
		e.addr = a
	}
	if e.dial == nil {
		e.dial = func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, a.Network(), a.String())
		}
	}
}

// newServer returns a server that speaks only HTTP/1.1, so that a fault that closes or stalls a
// connection affects only one request.
func (e *Emulator) newServer() *http.Server {
	return &http.Server{
		Handler:           http.HandlerFunc(e.serveHTTP),
		ReadHeaderTimeout: readHeaderTimeout,
		ConnContext:       e.countConnection,
		ErrorLog:          slog.NewLogLogger(e.log.Handler(), slog.LevelDebug),
		TLSNextProto:      map[string]func(*http.Server, *tls.Conn, http.Handler){},
		TLSConfig: &tls.Config{
			MinVersion:         tls.VersionTLS12,
			Certificates:       []tls.Certificate{e.serving},
			NextProtos:         []string{"http/1.1"},
			GetConfigForClient: e.admitClient,
		},
	}
}

// admitClient ends the handshake for hosts that are not emulated, and for hosts that are cut off
// (without an alert, like a dead host). The token proxy's hosts have separate certificates, and
// Present gives a host another one.
func (e *Emulator) admitClient(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	host := strings.ToLower(hello.ServerName)
	if e.isCutOff(host) {
		return nil, errors.Join(fmt.Errorf("host %q is cut off", host), hello.Conn.Close())
	}
	if e.serviceOf(host) == nil {
		return nil, fmt.Errorf("host %q is not emulated", host)
	}
	if own := e.proxy.certificate(host); own != nil {
		config := e.server.TLSConfig.Clone()
		config.GetConfigForClient, config.Certificates = nil, []tls.Certificate{*own}
		return config, nil
	}
	if other := e.presentedBy(host); other != nil {
		config := e.server.TLSConfig.Clone()
		config.GetConfigForClient, config.Certificates = nil, []tls.Certificate{*other}
		return config, nil
	}
	return nil, nil
}

// serveHTTP sends the service's answer to a request, unless a fault changes it.
func (e *Emulator) serveHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	host := hostOnly(r.Host)
	if r.TLS != nil && e.proxy.certificate(r.TLS.ServerName) != nil {
		host = strings.ToLower(r.TLS.ServerName)
	}
	svc := e.serviceOf(host)
	if svc == nil {
		http.Error(w, "this host is not emulated", http.StatusMisdirectedRequest)
		return
	}
	if e.isCutOff(host) || e.isOutdated(r, host) {
		panic(http.ErrAbortHandler)
	}
	// Reads the whole body before it waits for anything: net/http notices only then that a client
	// disconnects.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "the request's body cannot be read", http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	entry := Request{
		Time: start, Service: svc.name(), Operation: svc.operation(r),
		Method: r.Method, Host: host, Path: r.URL.Path, Challenge: svc.isChallenge(r),
	}
	if entry.Operation == OpToken {
		e.confidential.assertion(body)
	}
	fault := e.faults.match(entry)
	entry.Fault = fault.id()

	// Logs the request when its result is known, but before the client gets it. So a client that
	// has its response finds the request in the log.
	record := func() {
		entry.Duration = Duration(time.Since(start))
		e.journal.add(entry)
		e.log.Debug("request", "service", entry.Service, "operation", entry.Operation, "method", entry.Method,
			"host", entry.Host, "path", entry.Path, "status", entry.Status, "code", entry.Code,
			"clientID", entry.ClientID, "fault", entry.Fault)
	}
	if fault.endsUnanswered(r.Context()) {
		record()
		fault.hang(r.Context())
		fault.reset(w)
		panic(http.ErrAbortHandler)
	}
	a := fault.answer(svc, r)
	if entry.Operation == OpToken {
		e.confidential.accessToken(a.body)
	}
	entry.Status, entry.Code, entry.ClientID = a.status, a.code, a.clientID
	record()
	fault.write(w, r, a)
}

// hostOnly returns the host name in a Host header, in lower case and without a port.
func hostOnly(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(host)
}
