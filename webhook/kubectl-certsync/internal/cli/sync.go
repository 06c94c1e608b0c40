package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/fleet"
)

func (p *plugin) syncCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "sync POD",
		Short: "Let the sidecar of a pod fetch its certificates now",
		Long: `Let the sidecar read its settings and fetch all certificates now, and wait for the outcome.

A sidecar starts at most one requested poll in ten seconds, so the command may wait. The exit code
is 1 if a certificate is missing or not up to date.`,
		Example: `  kubectl certsync sync shop-6d4b75cb6d-hwxzk`,
		Args:    podArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, pod, err := p.connectTo(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			done, outcome, err := fleet.Sync(cmd.Context(), c, pod)
			if err != nil {
				return fmt.Errorf("pod %q in namespace %q cannot sync: %w", pod.Name, pod.Namespace, err)
			}
			fmt.Fprintln(p.Out, outcome)
			if !done {
				return errFound
			}
			return nil
		},
	}
}
