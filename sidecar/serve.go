package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/health"
)

// serve opens the socket and the port, and serves them in the background. It passes a later failure
// to fail.
func (p *process) serve(ctx context.Context, port int, fail func(error)) error {
	socket, err := listenSocket(p.options.socket)
	switch {
	case err == nil:
		go serveOn(ctx, socket, p.state.SocketHandler(p.syncNow), fail)
	case p.options.host: // the directory may be missing, and nothing may use the probes
		p.log.Info("probes are not available on the socket", "error", err)
	default:
		return err
	}
	address := listenAddress(p.options, port)
	if address == "" {
		return nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("probe port: %w: set another port with the annotation %s%s", err, contract.Prefix, contract.KeyPort)
	}
	go serveOn(ctx, l, p.state.Handler(p.syncNow), fail)
	return nil
}

func serveOn(ctx context.Context, l net.Listener, h http.Handler, fail func(error)) {
	if err := health.Serve(ctx, l, h); err != nil {
		fail(fmt.Errorf("serving on %s: %w", l.Addr(), err))
	}
}

// listenAddress returns the address of the port; empty for none. In a pod it listens on all
// addresses, since the kubelet connects from outside. On a host it listens on loopback, and only if
// the settings name a port.
func listenAddress(o options, port int) string {
	switch {
	case !o.http, o.host && port == 0:
		return ""
	case o.host:
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	default:
		return net.JoinHostPort("", strconv.Itoa(cmp.Or(port, contract.DefaultPort)))
	}
}

// listenSocket opens the socket for the current user only, and replaces the socket of a process
// that has ended.
func listenSocket(path string) (net.Listener, error) {
	if conn, err := net.Dial("unix", path); err == nil {
		conn.Close()
		return nil, fmt.Errorf("probe socket: another certsync uses %s: give each its own --%s", path, flagSocket)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("probe socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("probe socket: %w: is %s a writable volume?", err, filepath.Dir(path))
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("probe socket: %w", err)
	}
	return l, nil
}
