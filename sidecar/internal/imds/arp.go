//go:build linux

package imds

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// devconfARPIgnore is IPV4_DEVCONF_ARP_IGNORE of linux/ip.h, and ownAddressesOnly its value 1:
// reply only for addresses of the interface on which the request arrives.
//
// Source: https://docs.kernel.org/networking/ip-sysctl.html (arp_ignore)
const (
	devconfARPIgnore = 19
	ownAddressesOnly = 1
)

// HideFromNeighbours makes the interfaces of this network namespace answer ARP requests only for
// their own addresses. Without it, Linux tells the pods on the same bridge that the address which
// AddAddress added to the loopback interface is here. Call it before AddAddress.
//
// It uses netlink, since /proc/sys is read-only in a container. The error names the interface, and
// wraps os.ErrPermission where the process lacks the capability NET_ADMIN.
//
// Source: rtnetlink(7), IFLA_AF_SPEC and IFLA_INET_CONF in linux/if_link.h
func HideFromNeighbours() error {
	all, err := net.Interfaces()
	if err != nil {
		return fmt.Errorf("listing the network interfaces: %w", err)
	}
	for i := range all {
		if all[i].Flags&net.FlagLoopback != 0 {
			continue
		}
		errno, err := sendRequest(setLink(all[i].Index))
		if err == nil && errno != 0 {
			err = os.NewSyscallError("setlink", errno)
		}
		if err != nil {
			return fmt.Errorf("setting arp_ignore of the interface %s: %w", all[i].Name, err)
		}
	}
	return nil
}

// setLink encodes the request that sets arp_ignore of an interface.
func setLink(index int) []byte {
	value := binary.NativeEndian.AppendUint32(nil, ownAddressesOnly)
	attributes := attribute(unix.IFLA_AF_SPEC|unix.NLA_F_NESTED,
		attribute(unix.AF_INET|unix.NLA_F_NESTED,
			attribute(unix.IFLA_INET_CONF|unix.NLA_F_NESTED,
				attribute(devconfARPIgnore, value))))
	message := make([]byte, unix.SizeofNlMsghdr+unix.SizeofIfInfomsg, 64)
	binary.NativeEndian.PutUint32(message[unix.SizeofNlMsghdr+4:], uint32(index)) // struct ifinfomsg
	message = append(message, attributes...)
	binary.NativeEndian.PutUint32(message[0:], uint32(len(message)))
	binary.NativeEndian.PutUint16(message[4:], unix.RTM_SETLINK)
	binary.NativeEndian.PutUint16(message[6:], unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	return message
}

// attribute encodes a netlink attribute. The length of its content is a multiple of 4.
func attribute(kind uint16, content []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(unix.SizeofRtAttr+len(content)))
	return append(binary.NativeEndian.AppendUint16(b, kind), content...)
}
