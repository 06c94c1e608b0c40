package main

import (
	"context"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/cluster"
)

// develop deploys the current code to a node that keeps running: it builds and loads the images
// whose code has changed, rolls out the webhook with them, and replaces the app's pod. The first
// time it starts the node and sets up everything.
func (d *demo) develop(ctx context.Context) error {
	for _, s := range d.env.Steps(cluster.Options{Keep: true}) {
		if err := d.narrator.during(s.Name, func() (string, error) { return "done", s.Do(ctx) }); err != nil {
			return err
		}
	}
	return d.narrator.during("the app's pod replaced", func() (string, error) {
		ctx, cancel := context.WithTimeout(ctx, stepTimeout)
		defer cancel()
		app, err := d.newApp(ctx)
		if err != nil {
			return "", err
		}
		if err := d.env.Deploy(ctx, app); err != nil {
			return "", err
		}
		return "ready", d.env.Restart(ctx, namespace, appName)
	})
}
