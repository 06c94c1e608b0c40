package neighbours

import (
	"encoding/binary"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Lengths of headers without options, and TCP's flags.
const (
	ethernetHeader = 14
	ipHeader       = 20
	tcpHeader      = 20

	flagSYN, flagRST, flagACK = 0x02, 0x04, 0x10
)

// SendSYN sends the first packet of a TCP connection from this pod to a neighbour's interface, for
// an address that need not be the neighbour's own, as a process with CAP_NET_RAW can. It returns
// "accepted" if the neighbour goes on with the connection, and "refused" if it rejects it. It waits
// for either.
func (p *Pod) SendSYN(t T, to *Pod, address netip.AddrPort) string {
	t.Helper()
	const port = 40000
	var reply byte
	p.Do(t, func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(networkOrder(unix.ETH_P_IP)))
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		i, err := net.InterfaceByName(Interface)
		if err != nil {
			return err
		}
		frame := synFrame(p, to, port, address)
		if err := unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: i.Index, Halen: 6}); err != nil {
			return err
		}
		buffer := make([]byte, 2048)
		for {
			n, _, err := unix.Recvfrom(fd, buffer, 0)
			if err != nil {
				return err
			}
			if flags, ok := replyFlags(buffer[:n], address.Port(), port); ok {
				reply = flags
				return nil
			}
		}
	})
	switch {
	case reply&flagRST != 0:
		return "refused"
	case reply&(flagSYN|flagACK) == flagSYN|flagACK:
		return "accepted"
	}
	t.Fatalf("a TCP packet with flags %#x", reply)
	return ""
}

func networkOrder(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}

// synFrame encodes an Ethernet frame with an IPv4 packet (RFC 791) with a TCP segment (RFC 9293).
func synFrame(from, to *Pod, port uint16, address netip.AddrPort) []byte {
	source, destination := from.Address.As4(), address.Addr().As4()

	tcp := make([]byte, tcpHeader)
	binary.BigEndian.PutUint16(tcp[0:], port)
	binary.BigEndian.PutUint16(tcp[2:], address.Port())
	tcp[12] = tcpHeader / 4 << 4
	tcp[13] = flagSYN
	binary.BigEndian.PutUint16(tcp[14:], 0xffff) // window
	pseudo := append(append(append([]byte(nil), source[:]...), destination[:]...), 0, unix.IPPROTO_TCP, 0, tcpHeader)
	binary.BigEndian.PutUint16(tcp[16:], checksum(append(pseudo, tcp...)))

	ip := make([]byte, ipHeader)
	ip[0] = 4<<4 | ipHeader/4
	binary.BigEndian.PutUint16(ip[2:], ipHeader+tcpHeader)
	ip[8], ip[9] = 64, unix.IPPROTO_TCP // time to live
	copy(ip[12:], source[:])
	copy(ip[16:], destination[:])
	binary.BigEndian.PutUint16(ip[10:], checksum(ip))

	frame := append(append([]byte(nil), to.MAC...), from.MAC...)
	frame = binary.BigEndian.AppendUint16(frame, unix.ETH_P_IP)
	return append(append(frame, ip...), tcp...)
}

// checksum is that of RFC 1071.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// replyFlags returns the TCP flags of a frame that goes from one port to another.
func replyFlags(frame []byte, from, to uint16) (flags byte, ok bool) {
	if len(frame) < ethernetHeader+ipHeader+tcpHeader || frame[ethernetHeader+9] != unix.IPPROTO_TCP {
		return 0, false
	}
	tcp := frame[ethernetHeader+int(frame[ethernetHeader]&0xf)*4:]
	if len(tcp) < tcpHeader || binary.BigEndian.Uint16(tcp[0:]) != from || binary.BigEndian.Uint16(tcp[2:]) != to {
		return 0, false
	}
	return tcp[13], true
}
