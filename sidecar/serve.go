package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract/buildinfo"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/control"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/health"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/listen"
)

// serve opens the socket and the port, and serves them in the background. It passes a later failure
// to fail.
func (p *process) serve(ctx context.Context, port int, fail func(error)) error {
	syncNow := health.Pace(p.syncNow)
	socket, err := listen.Socket(p.options.socket)
	switch {
	case err == nil:
		go serveOn(ctx, socket, control.Handler(buildinfo.Get().Version, p.state, syncNow), fail)
	case p.options.host: // the directory may be missing, and nothing may use the probes
		p.log.Info("probes are not available on the socket", "error", err)
	case errors.Is(err, listen.ErrInUse):
		return fmt.Errorf("probe socket: another certsync uses %s: give each its own --%s", p.options.socket, control.FlagSocket)
	default:
		return fmt.Errorf("probe socket: %w", err)
	}
	address := listenAddress(p.options, port)
	if !address.IsValid() {
		return nil
	}
	l, err := listen.On(ctx, address)
	if err != nil {
		return fmt.Errorf("probe port: %w: set another port %s", err, p.options.where().Text("with the annotation "+contract.Prefix+contract.KeyPort,
			"in the settings"))
	}
	go serveOn(ctx, l, p.state.Handler(syncNow), fail)
	return nil
}

func serveOn(ctx context.Context, l net.Listener, h http.Handler, fail func(error)) {
	if err := listen.Serve(ctx, l, h, health.ResponseTimeout); err != nil {
		fail(fmt.Errorf("serving on %s: %w", l.Addr(), err))
	}
}

// listenAddress returns the address of the port; the zero AddrPort for none. In a pod it listens on
// all addresses, since the kubelet connects from outside. On a host it listens on loopback, and
// only if the settings name a port.
func listenAddress(o *options, port int) netip.AddrPort {
	switch {
	case !o.http, o.host && port == 0:
		return netip.AddrPort{}
	case o.host:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))
	default:
		return netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(cmp.Or(port, contract.DefaultPort)))
	}
}
