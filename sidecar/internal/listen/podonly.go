package listen

import (
	"context"
	"net"
	"net/netip"
	"strconv"
)

// On listens on a TCP address: on a loopback address for this network namespace alone, as PodOnly,
// and on an unspecified one for everybody, by IPv4 and IPv6. The error is that of net.Listen.
func On(ctx context.Context, address netip.AddrPort) (net.Listener, error) {
	if address.Addr().IsLoopback() {
		return PodOnly(ctx, address)
	}
	var config net.ListenConfig
	return config.Listen(ctx, "tcp", net.JoinHostPort("", strconv.Itoa(int(address.Port()))))
}

// PodOnly listens on a TCP address for the processes of this network namespace alone. Give it an
// address that the loopback interface has, such as 127.0.0.1 or 169.254.169.254.
//
// Such an address alone does not keep others out. Linux accepts a packet for any of its addresses
// on any interface (the weak host model of RFC 1122, section 3.3.4.2), and answers ARP requests for
// 169.254.169.254 on eth0. A neighbour on the same bridge needs only a route or a raw socket. So
// there are two independent guards:
//   - The socket is bound to the loopback interface: packets from other interfaces do not match it.
//     This needs no privilege since Linux 5.7. Where the kernel refuses it, the second guard stays.
//   - Accept closes each connection whose peer is not an address of this network namespace.
//
// The error is that of net.Listen.
//
// Source: socket(7), SO_BINDTODEVICE; Linux commit c427bfec18f2 ("net: core: enable SO_BINDTODEVICE
// for non-root users")
func PodOnly(ctx context.Context, address netip.AddrPort) (net.Listener, error) {
	config := net.ListenConfig{Control: bindToLoopback}
	l, err := config.Listen(ctx, "tcp", address.String())
	if err != nil {
		return nil, err
	}
	return podOnly{l}, nil
}

// podOnly is a listener that closes connections from elsewhere.
type podOnly struct{ net.Listener }

// Accept implements net.Listener.
func (l podOnly) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil || fromThisPod(conn) {
			return conn, err
		}
		conn.Close()
	}
}

// fromThisPod reports whether the peer is in this network namespace. A foreign packet with such a
// source address does not get here: the kernel drops it as a "martian" (RFC 1812, section 5.3.7).
func fromThisPod(conn net.Conn) bool {
	peer := addressOf(conn.RemoteAddr())
	if peer.IsLoopback() || peer == addressOf(conn.LocalAddr()) {
		return true
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range own {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Addr().Unmap() == peer {
			return true
		}
	}
	return false
}

// addressOf returns the IP address of a TCP address, and the zero Addr for other addresses.
func addressOf(a net.Addr) netip.Addr {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr().Unmap().WithZone("")
}
