package cluster

import (
	"context"
	"fmt"
	"slices"
)

// Restart kills a program of the node, such as kube-apiserver, starts it again, and waits until the
// node is ready. It does not work on an external cluster.
func (c *Cluster) Restart(ctx context.Context, program string) error {
	all := c.node.daemons()
	i := slices.IndexFunc(all, func(d daemon) bool { return d.program == program })
	if i < 0 {
		return fmt.Errorf("the node does not have the program %s", program)
	}
	found, err := running(c.node.init, c.node.programs[program])
	if err != nil {
		return err
	}
	for _, pid := range found {
		if err := kill(ctx, pid); err != nil {
			return err
		}
	}
	if err := c.node.launch(ctx, all[i]); err != nil {
		return err
	}
	return c.node.awaitReady(ctx)
}
