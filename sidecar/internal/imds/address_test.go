package imds_test

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/imds"
)

// Without the capability, the error names it. The thread that drops the capability ends with the
// test.
func TestAddAddressWithoutCapability(t *testing.T) {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil {
			result <- err
			return
		}
		result <- imds.AddAddress(netip.MustParseAddr("169.254.169.253"))
	}()
	err := <-result
	var permission *imds.PermissionError
	if !errors.As(err, &permission) || !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "NET_ADMIN") {
		t.Errorf("unexpected error %T %v", err, err)
	}
	if l, err := net.Listen("tcp", "169.254.169.253:0"); err == nil {
		l.Close()
		t.Error("the address was added")
	}
}

func TestAddAddressRefusesIPv6(t *testing.T) {
	if err := imds.AddAddress(netip.MustParseAddr("fd00::1")); err == nil {
		t.Error("no error")
	}
}
