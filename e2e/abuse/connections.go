package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
)

// connections are opened to a sidecar's port.
const connections = 10_000

func (s *side) connectionAttacks() []attack {
	const limit = "64 MiB, never 3 probes lost in a row"
	var attacks []attack
	for _, a := range []struct{ name, send string }{
		{"sidecar-connections-silent", ""},
		{"sidecar-connections-partial-header", "GET /readyz HTTP/1.1\r\nHost: x\r\nX-Header: "},
		{"sidecar-connections-slow-reader", strings.Repeat("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 100)},
	} {
		attacks = append(attacks, attack{a.name, limit, func(ctx context.Context) (string, error) {
			return s.attacked(ctx, s.options(), func(ctx context.Context, sidecar *rig.Sidecar) (string, error) {
				return flood(ctx, sidecar, a.send)
			})
		}})
	}
	return attacks
}

// flood opens connections, sends on each and keeps it open, while a kubelet asks whether the
// sidecar is ready.
func flood(ctx context.Context, s *rig.Sidecar, send string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, attackMost)
	defer cancel()
	kubelet := watchProbes(ctx, s)
	var opened []net.Conn
	defer func() {
		for _, conn := range opened {
			conn.Close()
		}
	}()
	err := rig.InNetwork(s.PID(), func() error {
		for len(opened) < connections && ctx.Err() == nil && s.Ended() == nil {
			conn, err := rig.DialHere(ctx, nil, portAddress())
			if err != nil {
				return fmt.Errorf("connection %d: %w", len(opened), err)
			}
			opened = append(opened, conn)
			_ = conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)) // a slow reader is one that is not read from either
			_, _ = conn.Write([]byte(send))                                   // the sidecar may close it
		}
		return nil
	})
	_ = rig.Pause(ctx, 3*time.Second)
	text, probes := kubelet()
	if err != nil && s.Ended() == nil && len(opened) == 0 {
		return text, err
	}
	return fmt.Sprintf("%d connections, %s", len(opened), text), probes
}

// watchProbes asks five times a second, far more often than a kubelet. The returned function ends
// that. Its error is that the kubelet's default of three failures in a row was reached.
func watchProbes(ctx context.Context, s *rig.Sidecar) func() (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	var sent, lost, row, longest int
	var why string
	var group sync.WaitGroup
	group.Go(func() {
		every(ctx, 200*time.Millisecond, func() {
			status, text := probe(ctx, s)
			if ctx.Err() != nil {
				return
			}
			sent++
			if status == http.StatusOK {
				row = 0
				return
			}
			lost++
			row++
			longest, why = max(longest, row), text
		})
	})
	return func() (string, error) {
		cancel()
		group.Wait()
		text := fmt.Sprintf("%d of %d probes lost", lost, sent)
		if longest >= 3 || sent == lost {
			return text, fmt.Errorf("%s, %d in a row: %s", text, longest, why)
		}
		return text, nil
	}
}

// connections opens connections to each port of the webhook, and sends nothing.
func (h *hook) connections(ctx context.Context) (string, error) {
	var opened []net.Conn
	defer func() {
		for _, conn := range opened {
			conn.Close()
		}
	}()
	cost, err := h.attacked(ctx, func(ctx context.Context) error {
		err := rig.InNetwork(h.process.PID(), func() error {
			for i := 0; i < connections && ctx.Err() == nil && h.process.Ended() == nil; i++ {
				conn, err := rig.DialHere(ctx, nil, webhookPorts[i%len(webhookPorts)])
				if err != nil {
					return fmt.Errorf("connection %d: %w", i, err)
				}
				opened = append(opened, conn)
			}
			return nil
		})
		_ = rig.Pause(ctx, 3*time.Second)
		return err
	})
	return fmt.Sprintf("%s, %d connections", cost, len(opened)), err
}

// webhookPorts are the addresses of admission, probes and metrics.
var webhookPorts = []string{rig.WebhookAddress, "127.0.0.1:9440", "127.0.0.1:8095"}
