package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract/buildinfo"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/fleet"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/install"
)

// versions are those of the plugin, the cluster and the programs in it.
type versions struct {
	Plugin     buildinfo.Info `json:"plugin"`
	Kubernetes string         `json:"kubernetes,omitempty"`
	// Webhook and Sidecar are the images that the Deployment names.
	Webhook string `json:"webhookImage,omitempty"`
	Sidecar string `json:"sidecarImage,omitempty"`
	// Replicas and Sidecars are the running programs by version.
	Replicas []fleet.Version `json:"webhooks,omitempty"`
	Sidecars []fleet.Version `json:"sidecars,omitempty"`
}

func (p *plugin) versionCommand() *cobra.Command {
	var format string
	var clientOnly, allNamespaces bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the versions of the plugin, of Kubernetes, of the webhook and of the sidecars",
		Long: `Show the versions of the plugin, of Kubernetes, of the webhook's replicas, and of the sidecars in the
namespace, as the running programs report them. For that, the plugin runs commands in their pods. A
program that cannot be queried is counted with the reason.`,
		Example: `  kubectl certsync version
  kubectl certsync version -A -o json
  kubectl certsync version --client`,
		Args: atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := &versions{Plugin: p.build}
			var err error
			if !clientOnly {
				err = p.addInstalled(cmd.Context(), v, allNamespaces)
			}
			if done, encodeErr := encode(p.Out, format, v); done {
				return errors.Join(encodeErr, err)
			}
			v.print(p.Out)
			return err
		},
	}
	cmd.Flags().BoolVar(&clientOnly, "client", false, "Show only the plugin's version; use no cluster.")
	cmd.Flags().BoolVarP(&allNamespaces, "all-namespaces", "A", false, "Show the sidecars of all namespaces.")
	outputFlag(cmd, &format, formatJSON, formatYAML)
	return cmd
}

func (v *versions) print(w io.Writer) {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%-12s %s\n", name+":", value)
		}
	}
	line("plugin", v.Plugin.String())
	line("kubernetes", v.Kubernetes)
	line("webhook", v.Webhook)
	for _, r := range v.Replicas {
		line("  running", r.String("replica"))
	}
	line("sidecar", v.Sidecar)
	for _, s := range v.Sidecars {
		line("  running", s.String("pod"))
	}
}

// addInstalled reads what is in the cluster. What is missing is in a note on standard error; the
// error is about what cannot be read.
func (p *plugin) addInstalled(ctx context.Context, v *versions, allNamespaces bool) error {
	c, err := p.connect()
	if err != nil {
		return err
	}
	server, err := c.ServerVersion(ctx)
	if err != nil {
		return err
	}
	v.Kubernetes = server.GitVersion
	in, findErr := install.Find(ctx, c)
	switch {
	case errors.Is(findErr, install.ErrNotInstalled):
		fmt.Fprintln(p.ErrOut, "note:", findErr)
		findErr = nil
	case findErr != nil: // the sidecars may be readable all the same
	case in.Deployment == nil:
		fmt.Fprintln(p.ErrOut, "note: the webhook's Deployment does not exist in this cluster, so its version is not known")
	default:
		if container := install.Container(&in.Deployment.Spec.Template.Spec); container != nil {
			v.Webhook, v.Sidecar = container.Image, in.Flags().SidecarImage()
		}
		replicas, err := in.Pods(ctx, c)
		if err != nil {
			return err
		}
		v.Replicas = fleet.WebhookVersions(ctx, c, replicas)
	}
	namespace, none := c.Namespace, fmt.Sprintf("no pod in namespace %q has a certificate sidecar (-A looks in all namespaces)", c.Namespace)
	if allNamespaces {
		namespace, none = "", "no pod in the cluster has a certificate sidecar"
	}
	pods, err := c.LabelledPods(ctx, namespace)
	if err != nil {
		return errors.Join(findErr, err)
	}
	if v.Sidecars = fleet.SidecarVersions(fleet.Collect(ctx, c, pods)); len(v.Sidecars) == 0 {
		fmt.Fprintln(p.ErrOut, "note:", none)
	}
	return findErr
}
