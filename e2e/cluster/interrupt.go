package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// errExternal is returned for what needs the node of this package.
var errExternal = errors.New("cluster: this works on a node only that this package started")

// KillProgram ends one of the node's programs, such as "kubelet", with SIGKILL, and returns when it
// has ended. Pods and the other programs run on. StartProgram starts it again.
func (c *Cluster) KillProgram(ctx context.Context, program string) error {
	if c.node == nil {
		return errExternal
	}
	found, err := running(c.node.init, c.node.programs[program])
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("cluster: %s does not run", program)
	}
	for _, pid := range found {
		err = errors.Join(err, kill(ctx, pid))
	}
	return err
}

// StartProgram starts a program that KillProgram has ended, and returns when the node is ready.
func (c *Cluster) StartProgram(ctx context.Context, program string) error {
	if c.node == nil {
		return errExternal
	}
	all := c.node.daemons()
	i := slices.IndexFunc(all, func(d daemon) bool { return d.program == program })
	if i < 0 {
		return fmt.Errorf("cluster: the node has no program %q", program)
	}
	if err := c.node.launch(ctx, all[i]); err != nil {
		return err
	}
	return c.node.awaitReady(ctx)
}
