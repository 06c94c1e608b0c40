package main

import (
	"context"
	"path/filepath"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// diskFaults returns the faults of a store's file system.
func diskFaults() []fault {
	var all []fault
	for _, f := range []struct{ name, begin, end string }{
		{"full", `dd if=/dev/zero of="$1/filler" bs=1k 2>/dev/null; test -s "$1/filler"`, `rm "$1/filler"`},
		{"read-only", `mount -o remount,ro "$1"`, `mount -o remount,rw "$1"`},
	} {
		all = append(all, fault{name: "sidecar-disk-" + f.name, holds: holdsService, run: func(ctx context.Context, t *trial) error {
			w, err := t.newWorld(ctx)
			if err != nil {
				return err
			}
			defer w.End()
			store := filepath.Join(t.dir, "volume")
			if err := w.inside(ctx, `mkdir "$1" && mount -t tmpfs -o size=512k volume "$1"`, store); err != nil {
				return err
			}
			return t.outages(ctx, w, store, outage{
				begin:   func(ctx context.Context, w *world) error { return w.inside(ctx, f.begin, store) },
				end:     func(ctx context.Context, w *world) error { return w.inside(ctx, f.end, store) },
				reasons: []string{contract.ReasonStore},
			})
		}})
	}
	return all
}
