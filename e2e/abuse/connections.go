package main

import (
	"context"
	"errors"
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

// stranger is the address of the attacker, which is not the kubelet's.
var stranger = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}

// flooding is an attack with connections.
type flooding struct {
	name string
	// send is sent on each connection, without reading a response.
	send string
	// pause is made after every ten connections.
	pause time.Duration
	// maxLost is the share of probes that may be lost.
	maxLost float64
}

func (s *side) connectionAttacks() []attack {
	// A burst takes a second or two. The kubelet sends a probe every ten seconds, and reacts to
	// three lost ones in a row. So probes may be lost during a burst and not after it. In an attack
	// that goes on, a quarter lost is one such row in 64.
	const burst, steady = 0.5, 0.25
	slow := strings.Repeat("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 100)
	var attacks []attack
	for _, f := range []flooding{
		{"sidecar-connections-silent", "", 0, burst},
		{"sidecar-connections-partial-header", "GET /readyz HTTP/1.1\r\nHost: x\r\nX-Header: ", 0, burst},
		{"sidecar-connections-slow-reader", slow, 0, burst},
		{"sidecar-connections-steady", slow, 20 * time.Millisecond, steady},
	} {
		limit := fmt.Sprintf("64 MiB, %.0f%% of the probes lost", 100*f.maxLost)
		attacks = append(attacks, attack{f.name, limit, func(ctx context.Context) (string, error) {
			return s.attacked(ctx, s.options(), f.run)
		}})
	}
	return attacks
}

// run opens the connections and keeps them open for some seconds, while a kubelet asks whether the
// sidecar is ready.
func (f flooding) run(ctx context.Context, s *rig.Sidecar) (string, error) {
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
			conn, err := rig.DialHere(ctx, stranger, portAddress())
			if err != nil {
				return fmt.Errorf("connection %d: %w", len(opened), err)
			}
			opened = append(opened, conn)
			_ = conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)) // nobody has to read it
			_, _ = conn.Write([]byte(f.send))                                 // the sidecar may close it
			if len(opened)%10 == 0 {
				_ = rig.Pause(ctx, f.pause)
			}
		}
		return nil
	})
	_ = rig.Pause(ctx, 4*time.Second)
	sent, lost, why := kubelet()
	cost := fmt.Sprintf("%d connections, %d of %d probes lost", len(opened), lost, sent)
	if float64(lost) > f.maxLost*float64(sent) || sent == 0 {
		return cost, fmt.Errorf("%s: %s", cost, why)
	}
	if len(opened) < connections {
		return cost, fmt.Errorf("%d connections: %w", len(opened), errors.Join(err, ctx.Err()))
	}
	return cost, nil
}

// watchProbes asks five times a second, far more often than a kubelet. The returned function ends
// that.
func watchProbes(ctx context.Context, s *rig.Sidecar) func() (sent, lost int, why string) {
	ctx, cancel := context.WithCancel(ctx)
	var sent, lost int
	var why string
	var group sync.WaitGroup
	group.Go(func() {
		rig.Every(ctx, 200*time.Millisecond, func() {
			status, text := probe(ctx, s)
			if ctx.Err() != nil {
				return
			}
			sent++
			if status != http.StatusOK {
				lost++
				why = text
			}
		})
	})
	return func() (int, int, string) {
		cancel()
		group.Wait()
		return sent, lost, why
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
