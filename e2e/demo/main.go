// Command demo runs the main job of azure-cert-sync on a real Kubernetes and narrates it: a certificate arrives in a
// pod, is served, is renewed without a restart, and goes on being served with Key Vault cut off and the sidecar killed.
//
// It exits 0 only if every step was observed. KEEP=1 leaves everything running and prints how to look around.
// KUBECONFIG and E2E_REGISTRY, both set, make it use that cluster and push its images to that registry.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Getenv("KEEP") == "1")
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, keep bool) (err error) {
	env, err := framework.New(os.Stdout)
	if err != nil {
		return err
	}
	d := &demo{env: env, narrator: newNarrator(os.Stdout)}
	defer func() {
		d.narrator.summary(err)
		if cleanup := d.end(keep); err == nil {
			err = cleanup
		}
	}()
	return d.play(ctx, keep)
}
