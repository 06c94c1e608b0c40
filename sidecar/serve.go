package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/health"
)

// serve opens the socket and the port and answers on them in the background. A failure later on goes to fail.
func serve(ctx context.Context, o options, s *settings, state *health.State, syncNow func() <-chan struct{}, log *slog.Logger, fail func(error)) error {
	socket, err := listenSocket(o.socket)
	switch {
	case err == nil:
		go answer(ctx, socket, state.SocketHandler(syncNow), fail)
	case o.host: // there may be no such directory, and no probe
		log.Info("no socket for probes", "error", err)
	default:
		return err
	}
	address := listenAddress(o, s)
	if address == "" {
		return nil
	}
	port, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("probe port: %w: another one is set by the annotation %s%s", err, contract.Prefix, contract.KeyPort)
	}
	go answer(ctx, port, state.Handler(syncNow), fail)
	return nil
}

func answer(ctx context.Context, l net.Listener, h http.Handler, fail func(error)) {
	if err := health.Serve(ctx, l, h); err != nil {
		fail(fmt.Errorf("answering on %s: %w", l.Addr(), err))
	}
}

// listenAddress is every address in a pod, since the kubelet calls from outside, and loopback on a host,
// where there is no port unless settings name one.
func listenAddress(o options, s *settings) string {
	switch {
	case !o.http, o.host && s.Port == 0:
		return ""
	case o.host:
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port))
	case s.Port == 0:
		return net.JoinHostPort("", strconv.Itoa(contract.DefaultPort))
	default:
		return net.JoinHostPort("", strconv.Itoa(s.Port))
	}
}

// listenSocket opens the socket for this user only, in the place of one that an earlier process left.
func listenSocket(path string) (net.Listener, error) {
	if conn, err := net.Dial("unix", path); err == nil {
		conn.Close()
		return nil, fmt.Errorf("socket for probes: another certsync answers on %s: give each its own --socket", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("socket for probes: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("socket for probes: %w: is %s a writable volume?", err, filepath.Dir(path))
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("socket for probes: %w", err)
	}
	return l, nil
}
