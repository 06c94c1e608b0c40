// Command bench measures the figures of docs/design.md with the programs as they are built for the
// images. It prints a table: what was measured, the target, the result, and whether the target was
// reached.
//
//	go run ./e2e/bench [sidecar] [store] [webhook] [herd]
//
// measures everything, or only the named parts.
//
// The sidecar runs in a sandbox against the emulated Entra ID and Key Vault under their real names.
// The webhook runs against the API server of a separate node (cluster "certsync-bench") with 20,000
// service accounts. One machine cannot run 10,000 pods: a test in sidecar/internal/certsync
// simulates them with the real loop and a fake clock.
//
// Clients, emulator and API server share the machine's CPUs with the measured program, so other
// work on the machine makes the figures worse. Therefore the load average is printed. 1 MB is 10^6
// bytes.
//
// It needs Linux and root. It prints only the table on standard output, and progress on standard
// error. At the end, also after an interrupt, it removes its programs, namespaces, node and
// temporary files. The exit code is 0 if everything was measured, even if targets were missed, and
// 1 otherwise.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench contains what the measurements share.
type bench struct {
	repo string // the repository's root folder
	temp string // directory for files
	table
}

// part is a measurement that can run alone.
type part struct {
	name    string
	measure func(context.Context) error
}

func run(ctx context.Context, only []string) error {
	repo, err := output(ctx, "", "go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return err
	}
	b := &bench{repo: repo, table: table{begin: load()}}
	parts := []part{{"sidecar", b.sidecar}, {"store", b.store}, {"webhook", b.webhook}, {"herd", b.herd}}
	if len(only) > 0 {
		parts = slices.DeleteFunc(parts, func(p part) bool { return !slices.Contains(only, p.name) })
		if len(parts) != len(only) {
			return fmt.Errorf("unknown part in %q: the parts are sidecar, store, webhook and herd", only)
		}
	}
	if b.temp, err = os.MkdirTemp("", "certsync-bench-"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(b.temp) }()
	for _, p := range parts {
		start := time.Now()
		if err := p.measure(ctx); err != nil {
			return fmt.Errorf("measure %s: %w", p.name, err)
		}
		b.progress("measured %s in %.0f s", p.name, time.Since(start).Seconds())
	}
	b.end = load()
	return b.write(os.Stdout)
}

func (b *bench) progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// build builds a program as its Dockerfile does, and returns its path.
func (b *bench) build(ctx context.Context, name string) (string, error) {
	b.progress("building the %s", name)
	program := filepath.Join(b.temp, name)
	_, err := output(ctx, b.repo, "env", "CGO_ENABLED=0",
		"go", "build", "-trimpath", "-ldflags", "-s -w -X main.version=bench", "-o", program, "./"+name)
	return program, err
}
