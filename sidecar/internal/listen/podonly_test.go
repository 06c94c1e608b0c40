package listen_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/neighbours"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/imds"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/listen"
)

// endpoint is where a pod has its metadata endpoint.
var endpoint = netip.MustParseAddrPort("169.254.169.254:80")

// The processes of the pod reach its metadata endpoint, from each of its addresses, and no other
// pod on the same bridge does. The rows with less than PodOnly show that the test can fail.
func TestNeighbour(t *testing.T) {
	if testing.Short() {
		t.Skip("needs root, for network namespaces")
	}
	for name, c := range map[string]struct {
		listen func(context.Context) (net.Listener, error)
		// What a neighbour gets that has a route to the address, or that sends raw frames.
		route, raw string
	}{
		"plain listener": {listen: plain, route: "connected", raw: "accepted"},
		"peers checked":  {listen: peersChecked, route: "closed", raw: "accepted"},
		"pod only":       {listen: podOnly, route: "refused", raw: "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			victim, attacker := neighbours.New(t)
			var l net.Listener
			victim.Do(t, func() (err error) {
				if err = imds.AddAddress(endpoint.Addr()); err == nil {
					l, err = c.listen(t.Context())
				}
				return err
			})
			t.Cleanup(func() { l.Close() })
			victim.Go(t, func() { greetEach(l) })
			for _, source := range []netip.Addr{{}, netip.MustParseAddr("127.0.0.1"), victim.Address} {
				if got := reach(t, victim, source); got != "connected" {
					t.Errorf("the pod itself, from %s: %s", source, got)
				}
			}
			if got := attacker.SendSYN(t, victim, endpoint); got != c.raw {
				t.Errorf("a neighbour with a raw socket: %s", got)
			}
			attacker.Run(t, "ip", "route", "add", endpoint.Addr().String(), "via", victim.Address.String())
			if got := reach(t, attacker, netip.Addr{}); got != c.route {
				t.Errorf("a neighbour with a route: %s", got)
			}
		})
	}
}

func plain(ctx context.Context) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", endpoint.String())
}

func podOnly(ctx context.Context) (net.Listener, error) { return listen.PodOnly(ctx, endpoint) }

// peersChecked is what is left of PodOnly where the kernel does not let it bind to an interface.
func peersChecked(ctx context.Context) (net.Listener, error) {
	l, err := plain(ctx)
	return listen.CheckPeers(l), err
}

const greeting = "hello"

func greetEach(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, greeting) // the other end reports what arrives
		conn.Close()
	}
}

// reach connects to the endpoint, from a source address if one is given, and returns what happens.
func reach(t *testing.T, from *neighbours.Pod, source netip.Addr) (outcome string) {
	t.Helper()
	from.Do(t, func() error {
		var d net.Dialer
		if source.IsValid() {
			d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0))
		}
		conn, err := d.DialContext(t.Context(), "tcp", endpoint.String())
		if errors.Is(err, syscall.ECONNREFUSED) {
			outcome = "refused"
			return nil
		}
		if err != nil {
			return err
		}
		defer conn.Close()
		received, _ := io.ReadAll(conn) // a reset counts as closed
		outcome = "closed"
		if string(received) == greeting {
			outcome = "connected"
		}
		return nil
	})
	return outcome
}
