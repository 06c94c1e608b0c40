// Command demo runs the main job of azure-cert-sync on a real Kubernetes and narrates it: a
// certificate arrives in a pod, is served, is renewed without a restart, and is still served with
// Key Vault cut off and the sidecar killed.
//
//	demo        run it, and exit 0 only if every step was observed
//	demo dev    build and load the images, and restart the webhook and the demo's pod (make dev)
//
// KEEP=1 leaves everything running and prints how to look around. If KUBECONFIG and E2E_REGISTRY
// are both set, the demo uses that cluster and pushes the images to that registry.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv("KEEP") == "1")
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, keep bool) (err error) {
	dev := slices.Equal(args, []string{"dev"})
	if len(args) > 0 && !dev {
		return errors.New("usage: demo [dev]")
	}
	keep = keep || dev
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
