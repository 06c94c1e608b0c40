package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/cluster"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/doctor"
)

func (p *plugin) doctorCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "doctor POD",
		Short: "Find what keeps a pod from its certificates, and the command that mends it",
		Long: `Follow the chain from the pod to its certificates, and stop at the first broken link:

  label -> webhook -> service account -> token -> Entra ID -> vault -> store

The exit code is 1 if a link is broken.`,
		Example: `  kubectl certsync doctor shop-6d4b75cb6d-hwxzk
  kubectl certsync doctor shop-6d4b75cb6d-hwxzk -o json`,
		Args: podArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, pod, err := p.connectTo(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			facts, err := doctor.Gather(cmd.Context(), c, pod)
			if err != nil {
				return err
			}
			links := doctor.Diagnose(facts)
			if done, err := encode(p.Out, format, map[string]any{"namespace": pod.Namespace, "pod": pod.Name, "links": links}); err != nil {
				return err
			} else if !done {
				p.printDiagnosis(pod.Namespace+"/"+pod.Name, links)
			}
			switch {
			case doctor.FirstBroken(links) != nil:
				return errFound
			case facts.Status.Denied:
				return &cluster.AccessError{Text: facts.Status.Unreachable}
			}
			return nil
		},
	}
	outputFlag(cmd, &format, formatJSON, formatYAML)
	return cmd
}

func (p *plugin) printDiagnosis(pod string, links []doctor.Link) {
	fmt.Fprintf(p.Out, "Pod %s\n\n", pod)
	for _, l := range links {
		fmt.Fprintln(p.Out, strings.TrimRight(fmt.Sprintf("  %-8s %-16s %s", l.State, l.Name, oneLineOrNothing(l.Message)), " "))
	}
	fmt.Fprintln(p.Out)
	b := doctor.FirstBroken(links)
	switch {
	case b == nil && slices.ContainsFunc(links, func(l doctor.Link) bool { return l.State == doctor.Unknown }):
		fmt.Fprintln(p.Out, "No broken link was found, but some could not be checked.")
	case b == nil:
		fmt.Fprintln(p.Out, "No link is broken.")
	case b.Fix == "":
		fmt.Fprintf(p.Out, "The link %q is broken: its message names the remedy.\n", b.Name)
	default:
		fmt.Fprintf(p.Out, "The link %q is broken. To mend it:\n\n  %s\n", b.Name, b.Fix)
	}
}

func oneLineOrNothing(text string) string { return strings.Join(strings.Fields(text), " ") }
