package cli

import (
	"context"
	"fmt"
	"path"
	"slices"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/cluster"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/fleet"
)

func (p *plugin) statusCommand() *cobra.Command {
	var allNamespaces bool
	var format string
	cmd := &cobra.Command{
		Use:   "status [POD]",
		Short: "Show the certificates of one pod, of a namespace, or of the cluster",
		Long: `Show every certificate with its version, expiry and state, sorted by namespace, pod and certificate.

A pod whose sidecar cannot be queried has the state "unknown" and the reason. The command runs
"certsync status" in the sidecars, so it needs the permission "create" on pods/exec.`,
		Example: `  kubectl certsync status
  kubectl certsync status -A -o wide
  kubectl certsync status shop-6d4b75cb6d-hwxzk -o json`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if allNamespaces && len(args) > 0 {
				return usageError{fmt.Errorf("name a pod or use --all-namespaces, not both")}
			}
			return p.status(cmd.Context(), args, allNamespaces, format)
		},
	}
	cmd.Flags().BoolVarP(&allNamespaces, "all-namespaces", "A", false, "Show the pods of all namespaces.")
	outputFlag(cmd, &format, formatWide, formatJSON, formatYAML)
	return cmd
}

func (p *plugin) status(ctx context.Context, args []string, allNamespaces bool, format string) error {
	c, err := p.connect()
	if err != nil {
		return err
	}
	pods, where, err := podsToShow(ctx, c, args, allNamespaces)
	if err != nil {
		return err
	}
	all := fleet.Collect(ctx, c, pods)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("interrupted: %w", err)
	}
	if len(args) == 1 && len(all) == 0 {
		return fmt.Errorf("pod %q in namespace %q does not have a running sidecar: kubectl certsync doctor %s shows why", pods[0].Name, c.Namespace, pods[0].Name)
	}
	if len(pods) == 0 && !allNamespaces && c.NamespaceMissing(ctx) {
		return fmt.Errorf("namespace %q does not exist: check --namespace and the kubeconfig's context", c.Namespace)
	}
	done, err := encode(p.Out, format, map[string]any{"pods": all})
	switch {
	case err != nil:
		return err
	case !done && len(all) == 0:
		fmt.Fprintf(p.ErrOut, "No pod %s has a certificate sidecar (%d with the label %s).\n", where, len(pods), contract.LabelUse)
		return nil
	case !done:
		err = table(p.Out, statusRows(all, allNamespaces, format == formatWide))
	}
	if err == nil && len(all) > 0 && !slices.ContainsFunc(all, func(pod fleet.Pod) bool { return !pod.Denied }) {
		return &cluster.AccessError{Text: all[0].Unreachable}
	}
	return err
}

func podsToShow(ctx context.Context, c *cluster.Client, args []string, allNamespaces bool) (pods []corev1.Pod, where string, err error) {
	if len(args) == 1 {
		pod, err := c.Pod(ctx, podName(args[0]))
		if err != nil {
			return nil, "", err
		}
		return []corev1.Pod{*pod}, "", nil
	}
	namespace, where := c.Namespace, fmt.Sprintf("in namespace %q", c.Namespace)
	if allNamespaces {
		namespace, where = "", "in the cluster"
	}
	pods, err = c.LabelledPods(ctx, namespace)
	return pods, where, err
}

// unknownState is the state of certificates of a pod that cannot be queried.
const unknownState = "unknown"

func statusRows(pods []fleet.Pod, namespaces, wide bool) [][]string {
	header := []string{"POD", "CERTIFICATE", "VERSION", "EXPIRES", "STATE", "SIDECAR", "REASON"}
	if wide {
		header = []string{"POD", "CERTIFICATE", "VERSION", "EXPIRES", "STATE", "SIDECAR", "NODE", "LAST SUCCESS", "PATH", "URL", "REASON"}
	}
	if namespaces {
		header = append([]string{"NAMESPACE"}, header...)
	}
	rows := [][]string{header}
	for _, pod := range pods {
		for _, row := range podRows(pod, wide) {
			if namespaces {
				row = append([]string{pod.Namespace}, row...)
			}
			rows = append(rows, row)
		}
	}
	return rows
}

func podRows(pod fleet.Pod, wide bool) (rows [][]string) {
	row := func(c contract.CertificateStatus, state, version, reason string) {
		certificate := ""
		if c.Path != "" {
			certificate = path.Base(c.Path)
		}
		cells := []string{pod.Name, certificate, c.Version, timestamp(c.NotAfter), state, version}
		if wide {
			cells = append(cells, pod.Node, timestamp(c.LastSuccess), c.Path, c.URL)
		}
		rows = append(rows, append(cells, reason))
	}
	s := pod.Status
	if s == nil {
		row(contract.CertificateStatus{}, unknownState, "", pod.Unreachable)
		return rows
	}
	if len(s.Certificates) == 0 {
		row(contract.CertificateStatus{}, s.State, s.SidecarVersion, s.Reason)
	}
	for _, c := range s.Certificates {
		reason := ""
		if c.Failure != nil {
			reason = c.Failure.Reason + ": " + c.Failure.Message
		}
		row(c, c.State, s.SidecarVersion, reason)
	}
	return rows
}
