package main

import (
	"net"
	"net/http"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure/metadata"
)

const (
	// machine stands for the machine's default identity.
	machine = "machine"

	imdsAddress = "169.254.169.254"
	// arcKeys is where Azure Arc's agent writes keys for the users who may get tokens. In the mount
	// namespace of the test it is on a separate file system.
	arcKeys = "/var/opt/azcmagent/tokens"
	arcKey  = arcKeys + "/test.key"
)

// serveMetadata serves both on their addresses, inside the sandbox.
func (w *world) serveMetadata(t *testing.T) {
	t.Helper()
	addLoopbackAddress(t, imdsAddress)
	check(t, unix.Mount("tmpfs", "/var/opt", "tmpfs", 0, ""))
	check(t, os.MkdirAll(arcKeys, 0o700))
	check(t, os.WriteFile(arcKey, []byte("the agent's secret"), 0o600))
	t.Cleanup(func() { check(t, unix.Unmount("/var/opt", 0)) })

	m := &metadata.Machine{Azure: w.Emulator, Issuer: w.issuer, Subject: subject, Tenant: tenant, System: clientIDOf(machine)}
	for address, handler := range map[string]http.Handler{metadata.Address: m, metadata.ArcAddress: m.Arc("/", arcKey)} {
		l, err := net.Listen("tcp", address)
		check(t, err)
		server := &http.Server{Handler: handler}
		go func() { _ = server.Serve(l) }() // until it is closed
		t.Cleanup(func() { check(t, server.Close()) })
	}
}

// addLoopbackAddress adds a second IPv4 address to lo, under the alias lo:1.
func addLoopbackAddress(t *testing.T, address string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	check(t, err)
	defer unix.Close(fd)
	for _, set := range []struct {
		request uint
		value   net.IP
	}{{unix.SIOCSIFADDR, net.ParseIP(address)}, {unix.SIOCSIFNETMASK, net.IPv4bcast}} {
		r, err := unix.NewIfreq("lo:1")
		check(t, err)
		check(t, r.SetInet4Addr(set.value.To4()))
		check(t, unix.IoctlIfreq(fd, set.request, r))
	}
}
