//go:build linux

package imds

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// AddAddress adds an IPv4 address to the loopback interface, so that connections of the pod's
// processes to it stay in the pod. It succeeds if the interface already has the address.
//
// It sends one rtnetlink message, which is encoded here because a netlink library would be larger
// than the rest of the package. The error is a *PermissionError if the process does not have the
// required capability.
//
// Source: rtnetlink(7), netlink(7)
func AddAddress(address netip.Addr) error {
	lo, err := loopback()
	if err != nil {
		return err
	}
	message, err := newAddress(address, lo)
	if err != nil {
		return err
	}
	switch errno, err := sendRequest(message); {
	case err != nil:
		return fmt.Errorf("adding %s to the loopback interface: %w", address, err)
	case errno == unix.EPERM:
		return &PermissionError{Address: address}
	case errno != 0 && errno != unix.EEXIST:
		return fmt.Errorf("adding %s to the loopback interface: %w", address, errno)
	}
	return nil
}

// PermissionError is returned if the process does not have the capability NET_ADMIN in its network
// namespace.
type PermissionError struct{ Address netip.Addr }

func (e *PermissionError) Error() string {
	return fmt.Sprintf("adding %s to the loopback interface is not permitted: the container needs the capability NET_ADMIN and user 0, "+
		"which Pod Security \"baseline\" and \"restricted\" forbid: label the namespace pod-security.kubernetes.io/enforce=privileged, "+
		"or make sure that no other webhook or policy removes the capability", e.Address)
}

func (e *PermissionError) Unwrap() error { return os.ErrPermission }

// loopback returns the index of the loopback interface.
func loopback() (int, error) {
	all, err := net.Interfaces()
	if err != nil {
		return 0, fmt.Errorf("finding the loopback interface: %w", err)
	}
	for i := range all {
		if all[i].Flags&net.FlagLoopback != 0 {
			return all[i].Index, nil
		}
	}
	return 0, errors.New("there is no loopback interface")
}

// newAddress encodes the request to add an address to an interface.
func newAddress(address netip.Addr, index int) ([]byte, error) {
	if !address.Is4() {
		return nil, fmt.Errorf("%s is not an IPv4 address", address)
	}
	message := make([]byte, unix.SizeofNlMsghdr, 64)
	message = append(message, unix.AF_INET, 32, 0, unix.RT_SCOPE_HOST) // struct ifaddrmsg: family, prefix length, flags, scope
	message = binary.NativeEndian.AppendUint32(message, uint32(index))
	for _, attribute := range []uint16{unix.IFA_LOCAL, unix.IFA_ADDRESS} {
		value := address.As4()
		message = binary.NativeEndian.AppendUint16(message, uint16(unix.SizeofRtAttr+len(value)))
		message = binary.NativeEndian.AppendUint16(message, attribute)
		message = append(message, value[:]...)
	}
	binary.NativeEndian.PutUint32(message[0:], uint32(len(message)))
	binary.NativeEndian.PutUint16(message[4:], unix.RTM_NEWADDR)
	binary.NativeEndian.PutUint16(message[6:], unix.NLM_F_REQUEST|unix.NLM_F_ACK|unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	return message, nil
}

// sendRequest sends a request to the kernel and returns the error number of its acknowledgement,
// which is 0 for success.
func sendRequest(request []byte) (unix.Errno, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, os.NewSyscallError("sendto", err)
	}
	response := make([]byte, os.Getpagesize())
	n, _, err := unix.Recvfrom(fd, response, 0)
	if err != nil {
		return 0, os.NewSyscallError("recvfrom", err)
	}
	messages, err := syscall.ParseNetlinkMessage(response[:n])
	if err != nil || len(messages) == 0 || messages[0].Header.Type != unix.NLMSG_ERROR || len(messages[0].Data) < 4 {
		return 0, errors.New("the kernel's response is not an acknowledgement")
	}
	return unix.Errno(-int32(binary.NativeEndian.Uint32(messages[0].Data))), nil
}
