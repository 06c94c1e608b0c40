package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/explain"
)

func (p *plugin) explainCommand() *cobra.Command {
	var file, format string
	var offline bool
	cmd := &cobra.Command{
		Use:   "explain (-f FILE | POD)",
		Short: "Show what the webhook does with a pod: settings, warnings, patch",
		Long: `Show each setting with its value and its level (pod, service account, namespace, chart), the
warnings, and the patch. Nothing is created: the plugin runs the webhook's code.

FILE has pods, or objects with a pod template. Service accounts, namespaces and ConfigMaps in it win
over those of the cluster. The webhook's configuration comes from its Deployment. What cannot be
read is assumed, and named. The exit code is 1 if a pod would be denied.`,
		Example: `  kubectl certsync explain -f deployment.yaml
  kubectl certsync explain -f all.yaml --offline
  helm template shop ./chart | kubectl certsync explain -f -
  kubectl certsync explain shop-6d4b75cb6d-hwxzk -o yaml`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case (file == "") == (len(args) == 0):
				return usageError{errors.New("name a pod, or a file with -f")}
			case offline && file == "":
				return usageError{errors.New("--offline needs a file (-f)")}
			}
			return p.explain(cmd.Context(), args, file, offline, format)
		},
	}
	cmd.Flags().StringVarP(&file, "filename", "f", "", "`FILE` with the pod; - is standard input.")
	cmd.Flags().BoolVar(&offline, "offline", false, "Use no cluster.")
	outputFlag(cmd, &format, formatJSON, formatYAML)
	return cmd
}

func (p *plugin) explain(ctx context.Context, args []string, file string, offline bool, format string) error {
	x := &explain.Explainer{Webhook: explain.DefaultWebhook()}
	namespace := "default"
	if offline {
		if n := p.flags.Namespace; n != nil && *n != "" {
			namespace = *n
		}
	} else {
		c, err := p.connect()
		if err != nil {
			return err
		}
		x.Cluster, namespace = c, c.Namespace
		if x.Webhook, err = explain.InstalledWebhook(ctx, c); err != nil {
			return err
		}
	}
	if file != "" {
		content, err := p.read(file)
		if err != nil {
			return err
		}
		if x.Objects, err = explain.Load(bytes.NewReader(content), namespace); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	} else {
		pod, err := x.Cluster.Pod(ctx, podName(args[0]))
		if err != nil {
			return err
		}
		x.Objects = explain.Single(pod)
	}
	return p.explainAll(ctx, x, format)
}

func (p *plugin) explainAll(ctx context.Context, x *explain.Explainer, format string) error {
	var all []*explain.Explanation
	denied := false
	for _, pod := range x.Objects.Pods {
		e, err := x.Explain(ctx, pod)
		if err != nil {
			return err
		}
		all = append(all, e)
		denied = denied || e.Denied != ""
	}
	done, err := encode(p.Out, format, map[string]any{"pods": all})
	if err != nil {
		return err
	}
	if !done {
		for i, e := range all {
			if i > 0 {
				fmt.Fprintln(p.Out)
			}
			if err := p.printExplanation(e); err != nil {
				return err
			}
		}
	}
	if denied {
		return errFound
	}
	return nil
}

func (p *plugin) printExplanation(e *explain.Explanation) error {
	fmt.Fprintf(p.Out, "Pod %s/%s (configuration of the webhook: %s)\n", e.Namespace, e.Pod, e.Webhook)
	for _, note := range e.Notes {
		fmt.Fprintf(p.Out, "Note: %s\n", note)
	}
	if e.Ignored != "" {
		fmt.Fprintf(p.Out, "Result: unchanged: %s\n", e.Ignored)
		return nil
	}
	rows := [][]string{{"SETTING", "VALUE", "LEVEL"}}
	for _, s := range e.Settings {
		rows = append(rows, []string{s.Name, shorten(oneLine(s.Value), 100), s.Level})
	}
	fmt.Fprintln(p.Out)
	if len(e.Settings) > 0 {
		if err := table(p.Out, rows); err != nil {
			return err
		}
		fmt.Fprintln(p.Out)
	}
	for _, w := range e.Warnings {
		fmt.Fprintf(p.Out, "Warning: %s\n", w)
	}
	switch {
	case e.Denied != "":
		fmt.Fprintf(p.Out, "Result: denied: %s\n", e.Denied)
		return nil
	case len(e.Patch) == 0:
		fmt.Fprintln(p.Out, "Result: no change: the pod has everything already, or gets nothing")
		return nil
	case e.Sidecar:
		fmt.Fprintln(p.Out, "Result: the pod gets the sidecar, by this patch (-o yaml shows its values):")
	default:
		fmt.Fprintln(p.Out, "Result: the pod gets an identity and no sidecar, by this patch (-o yaml shows its values):")
	}
	for _, operation := range e.Patch {
		fmt.Fprintf(p.Out, "  %-6s %s\n", operation.Op, operation.Path)
	}
	return nil
}

// maxFile bounds the files that the plugin reads.
const maxFile = 16 << 20

// read reads a file, or standard input for "-".
func (p *plugin) read(name string) ([]byte, error) {
	in := p.In
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	content, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", name, err)
	case len(content) > maxFile:
		return nil, fmt.Errorf("%s is larger than %d MiB", name, maxFile>>20)
	}
	return content, nil
}
