// Command demo runs the main job of azure-cert-sync on a real Kubernetes and narrates it: a
// certificate arrives in a pod, is served, is renewed without a restart, and is still served with
// Key Vault cut off and the sidecar killed.
//
//	demo        run it, and exit 0 only if every step was observed
//	demo dev    build the images, and replace the webhook and the demo's pod on a node that stays
//
// KEEP=1 leaves everything running and prints how to look around. If KUBECONFIG and E2E_REGISTRY
// are both set, the demo uses that cluster and pushes the images to that registry.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	dev := slices.Contains(os.Args[1:], "dev")
	err := run(ctx, dev, dev || os.Getenv("KEEP") == "1")
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dev, keep bool) (err error) {
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
	if dev {
		return d.develop(ctx)
	}
	return d.play(ctx, keep)
}
