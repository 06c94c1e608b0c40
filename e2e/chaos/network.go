package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// resolverCache is how long a Go program may remember /etc/hosts.
const resolverCache = 6 * time.Second

// networkFaults returns the faults of a sandbox's network and names.
func networkFaults() []fault {
	var all []fault
	for _, cut := range []struct{ name, down, up string }{
		{"link-down", "ip link set lo down", "ip link set lo up"},
		{"packets-dropped", "nft 'add table inet chaos; add chain inet chaos out { type filter hook output priority 0; policy drop; }'",
			"nft delete table inet chaos"},
		{"connections-refused", "nft 'add table inet chaos; add chain inet chaos out { type filter hook output priority 0; }; " +
			"add rule inet chaos out tcp dport 443 reject with tcp reset'", "nft delete table inet chaos"},
	} {
		all = append(all, newOutage("sidecar-network-"+cut.name, outage{
			begin:   func(ctx context.Context, w *world) error { return w.inside(ctx, cut.down) },
			end:     func(ctx context.Context, w *world) error { return w.inside(ctx, cut.up) },
			reasons: []string{contract.ReasonUnreachable},
		}))
	}
	good := azure.Hosts("127.0.0.1", rig.VaultHost)
	for name, hosts := range map[string]map[string]string{
		"dns-gone": {},
		// The address of a host that does not exist any more.
		"dns-wrong": azure.Hosts("127.0.0.9", rig.VaultHost),
	} {
		all = append(all, newOutage("sidecar-"+name, outage{
			begin: func(ctx context.Context, w *world) error {
				// Connections that are open do not need a name. The emulator closes them.
				return errors.Join(w.resolve(ctx, hosts), rig.Pause(ctx, resolverCache),
					w.Present(ctx, rig.VaultHost, ""), w.Present(ctx, entraHost, ""))
			},
			end:     func(ctx context.Context, w *world) error { return w.resolve(ctx, good) },
			reasons: []string{contract.ReasonUnreachable},
		}))
	}
	slices.SortFunc(all, func(a, b fault) int { return strings.Compare(a.name, b.name) })
	return all
}

// resolve replaces the names that the sandbox resolves. Its hosts file covers that of the machine.
func (w *world) resolve(ctx context.Context, hosts map[string]string) error {
	var text strings.Builder
	fmt.Fprintln(&text, "127.0.0.1 localhost")
	for _, name := range slices.Sorted(maps.Keys(hosts)) {
		fmt.Fprintln(&text, hosts[name], name)
	}
	return w.inside(ctx, `mountpoint -q /etc/hosts && printf %s "$1" >/etc/hosts`, text.String())
}
