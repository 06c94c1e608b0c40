package systemd_test

import (
	"bytes"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/systemd"
)

// systemd gets READY once, the status when it changes, and every heartbeat.
func TestMessages(t *testing.T) {
	address := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	t.Setenv("NOTIFY_SOCKET", address)

	s := systemd.New(slog.New(slog.DiscardHandler))
	s.Beat()
	s.Report(certsync.Report{Reason: "fetching\n2 certificates"})
	s.Report(certsync.Report{Reason: "2 certificates in the store", Ready: true})
	s.Report(certsync.Report{Reason: "2 certificates in the store", Ready: true}) // nothing new
	s.Report(certsync.Report{Reason: "1 not up to date", Ready: true})
	s.Beat()
	want := []string{
		"WATCHDOG=1", "STATUS=fetching; 2 certificates", "READY=1\nSTATUS=2 certificates in the store",
		"STATUS=1 not up to date", "WATCHDOG=1",
	}
	var got []string
	for range want {
		buffer := make([]byte, 1024)
		n, err := socket.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(buffer[:n]))
	}
	if !slices.Equal(got, want) {
		t.Errorf("systemd gets %q, want %q", got, want)
	}
}

// Without systemd nothing happens; an unreachable socket is logged.
func TestNoSystemd(t *testing.T) {
	var log bytes.Buffer
	s := systemd.New(slog.New(slog.NewTextHandler(&log, nil)))
	t.Setenv("NOTIFY_SOCKET", "")
	s.Beat()
	if log.Len() > 0 {
		t.Errorf("log: %s", &log)
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "missing"))
	s.Beat()
	if !strings.Contains(log.String(), "systemd is not notified") {
		t.Errorf("log: %s", &log)
	}
}
