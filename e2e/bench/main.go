// Command bench measures the figures that the design names, with the programs as their images have
// them, and prints one table: what, the target, what was measured, and whether the target was
// reached.
//
//	go run ./e2e/bench [sidecar] [store] [webhook] [start] [herd]
//
// measures all of it, or the parts that are named.
//
// If the variable PEER names a folder with the source of the Azure Workload Identity webhook (a tag
// of https://github.com/Azure/azure-workload-identity), that one is built and measured, too: with
// the same requests, in turns with ours. It injects the identity only. Without it, the last two
// columns are empty.
//
// The sidecar runs against the emulated Entra ID and Key Vault, under their real names, in a
// sandbox. The webhook runs against the API server of a separate node (cluster "certsync-bench")
// with 20,000 service accounts. What cannot be run here, 10,000 pods, is simulated with the real
// loop and a fake clock by a test in sidecar/internal/certsync, and drawn to docs/herd.svg.
//
// Clients, emulator and API server share the machine's CPUs with what is measured, so figures are
// worse where others work beside it: the load average is printed. 1 MB is 10^6 bytes.
//
// It needs Linux and root. The table is all that it prints on its standard output; progress goes to
// standard error. Nothing stays behind, also after an interrupt: programs, namespaces, node and
// temporary files are removed. Its exit code is 0 whether targets were reached or not, and 1 when
// something could not be measured.
package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
)

func main() {
	rig.Main("bench", func(ctx context.Context) error { return run(ctx, os.Args[1:]) })
}

// bench is what the measurements share.
type bench struct {
	repo string // the repository's root folder
	temp string // for files
	table
}

// part is a measurement that can be run alone.
type part struct {
	name    string
	measure func(context.Context) error
}

func run(ctx context.Context, only []string) error {
	repo, err := rig.Output(ctx, "", "go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return err
	}
	b := &bench{repo: repo, table: table{begin: load()}}
	parts := []part{{"sidecar", b.sidecar}, {"store", b.store}, {"webhook", b.webhook}, {"start", b.start}, {"herd", b.herd}}
	if len(only) > 0 {
		parts = slices.DeleteFunc(parts, func(p part) bool { return !slices.Contains(only, p.name) })
		if len(parts) != len(only) {
			return fmt.Errorf("parts are sidecar, store, webhook, start and herd; not all of %q are", only)
		}
	}
	if b.temp, err = os.MkdirTemp("", "certsync-bench-"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(b.temp) }()
	for _, p := range parts {
		start := time.Now()
		if err := p.measure(ctx); err != nil {
			return fmt.Errorf("measuring %s: %w", p.name, err)
		}
		b.progress("measured %s in %.0f s", p.name, time.Since(start).Seconds())
	}
	b.end = load()
	return b.print(os.Stdout)
}

func (b *bench) progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// build builds a program of the repository as its Dockerfile does, and returns its path.
func (b *bench) build(ctx context.Context, name string) (string, error) {
	b.progress("building the %s", name)
	return rig.Build(ctx, b.repo, b.temp, name)
}
