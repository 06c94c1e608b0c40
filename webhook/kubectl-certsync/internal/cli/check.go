package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/checks"
)

func (p *plugin) checkCommand() *cobra.Command {
	var pre bool
	var format, failOn string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the cluster and the installed webhook",
		Long: `Run the checks that docs/kubectl.md lists by ID. Nothing is created or changed.

The exit code is 1 if a check has the result "error", or with --fail-on warning also a warning.
Checks for which you lack a permission are skipped and say which.`,
		Example: `  # before the installation
  kubectl certsync check --pre

  # in a pipeline
  kubectl certsync check --fail-on warning -o json`,
		Args: atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			threshold := checks.Severity(failOn)
			if threshold != checks.Error && threshold != checks.Warning {
				return usageError{fmt.Errorf("flag --fail-on: value %q: must be %s or %s", failOn, checks.Error, checks.Warning)}
			}
			c, err := p.connect()
			if err != nil {
				return err
			}
			facts, err := checks.Gather(cmd.Context(), c, pre)
			if err != nil {
				return err
			}
			results := checks.Run(facts)
			if done, err := encode(p.Out, format, map[string]any{"checks": results}); err != nil {
				return err
			} else if !done {
				p.printChecks(results)
			}
			if checks.Worst(results).AtLeast(threshold) {
				return errFound
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&pre, "pre", false, "Run the checks that make sense before the installation.")
	cmd.Flags().StringVar(&failOn, "fail-on", string(checks.Error), "Lowest result with which the exit code is 1: error or warning.")
	outputFlag(cmd, &format, formatJSON, formatYAML)
	return cmd
}

func (p *plugin) printChecks(results []checks.Result) {
	count := map[checks.Severity]int{}
	for _, r := range results {
		count[r.Severity]++
		fmt.Fprintf(p.Out, "%-8s %s  %s\n", r.Severity, r.ID, r.Title)
		for _, message := range r.Messages {
			fmt.Fprintf(p.Out, "                %s\n", message)
		}
		if r.Severity.AtLeast(checks.Warning) {
			fmt.Fprintf(p.Out, "                %s\n", r.Link)
		}
	}
	fmt.Fprintf(p.Out, "\n%d checks: errors %d, warnings %d, skipped %d\n",
		len(results), count[checks.Error], count[checks.Warning], count[checks.Skipped])
}
