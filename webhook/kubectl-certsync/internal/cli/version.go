package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/install"
)

// versions are those of the plugin, the cluster and the installed programs.
type versions struct {
	Plugin     string `json:"plugin"`
	Go         string `json:"go"`
	Kubernetes string `json:"kubernetes,omitempty"`
	Webhook    string `json:"webhook,omitempty"`
	Sidecar    string `json:"sidecar,omitempty"`
}

func (p *plugin) versionCommand() *cobra.Command {
	var format string
	var clientOnly bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the versions of the plugin, of Kubernetes, and of the installed images",
		Example: `  kubectl certsync version
  kubectl certsync version --client -o json`,
		Args: atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := versions{Plugin: p.version, Go: runtime.Version()}
			var err error
			if !clientOnly {
				err = p.addInstalled(cmd.Context(), &v)
			}
			if done, encodeErr := encode(p.Out, format, v); !done {
				for _, line := range [][2]string{
					{"plugin", v.Plugin}, {"go", v.Go}, {"kubernetes", v.Kubernetes}, {"webhook", v.Webhook}, {"sidecar", v.Sidecar},
				} {
					if line[1] != "" {
						fmt.Fprintf(p.Out, "%-12s %s\n", line[0]+":", line[1])
					}
				}
			} else if encodeErr != nil {
				return encodeErr
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&clientOnly, "client", false, "Show only the plugin's version; use no cluster.")
	outputFlag(cmd, &format, formatJSON, formatYAML)
	return cmd
}

func (p *plugin) addInstalled(ctx context.Context, v *versions) error {
	c, err := p.connect()
	if err != nil {
		return err
	}
	server, err := c.ServerVersion(ctx)
	if err != nil {
		return err
	}
	v.Kubernetes = server.GitVersion
	in, err := install.Find(ctx, c)
	if errors.Is(err, install.ErrNotInstalled) {
		fmt.Fprintln(p.ErrOut, "note:", err)
		return nil
	}
	if err != nil {
		return err
	}
	if in.Deployment != nil {
		if container := install.Container(&in.Deployment.Spec.Template.Spec); container != nil {
			v.Webhook, v.Sidecar = container.Image, in.Flags().SidecarImage()
		}
	}
	return nil
}
