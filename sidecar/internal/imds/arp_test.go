package imds_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/neighbours"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/imds"
)

// A neighbour that looks for the metadata address on the bridge does not find this pod. It does
// without HideFromNeighbours: the test can fail.
func TestHideFromNeighbours(t *testing.T) {
	if testing.Short() {
		t.Skip("needs root, for network namespaces")
	}
	address := netip.MustParseAddr("169.254.169.254")
	for name, c := range map[string]struct {
		hide func() error
		want syscall.Errno
	}{
		"not hidden": {hide: func() error { return nil }, want: syscall.ECONNREFUSED},
		"hidden":     {hide: imds.HideFromNeighbours, want: syscall.EHOSTUNREACH},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			victim, attacker := neighbours.New(t)
			victim.Do(t, c.hide)
			victim.Do(t, func() error { return imds.AddAddress(address) })
			attacker.Run(t, "ip", "route", "add", address.String(), "dev", neighbours.Interface)
			attacker.Do(t, func() error {
				if err := connect(t.Context(), address); !errors.Is(err, c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
				return nil
			})
			attacker.Do(t, func() error { // its ordinary address is still found
				if err := connect(t.Context(), victim.Address); !errors.Is(err, syscall.ECONNREFUSED) {
					t.Errorf("the pod's own address: %v", err)
				}
				return nil
			})
		})
	}
}

// connect tries a port on which nobody listens.
func connect(ctx context.Context, address netip.Addr) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", netip.AddrPortFrom(address, 80).String())
	if err == nil {
		conn.Close()
	}
	return err
}
