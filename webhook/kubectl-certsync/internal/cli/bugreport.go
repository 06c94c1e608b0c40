package cli

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/bugreport"
)

func (p *plugin) bugReportCommand() *cobra.Command {
	var file string
	var allNamespaces bool
	cmd := &cobra.Command{
		Use:   "bug-report",
		Short: "Collect versions, configuration, events and logs in one archive",
		Long: `Write an archive (tar.gz) with versions, checks, the webhook's configuration and log, and for each
labelled pod its status, events and sidecar log.

Secrets are not read. Values of environment variables, commands of other containers, and texts that
look like a token, a key or a password are removed. Names of vaults, certificates, namespaces and
pods are in it: read the files before you publish them.`,
		Example: `  kubectl certsync bug-report --namespace shop
  kubectl certsync bug-report -A --file /tmp/report.tar.gz`,
		Args: atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if file == "" {
				file = "certsync-report-" + time.Now().UTC().Format("20060102-150405") + ".tar.gz"
			}
			c, err := p.connect()
			if err != nil {
				return err
			}
			namespace := c.Namespace
			if allNamespaces {
				namespace = ""
			}
			out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if errors.Is(err, os.ErrExist) {
				return fmt.Errorf("%s exists: remove it, or name another file with --file", file)
			}
			if err != nil {
				return err
			}
			if err := errors.Join(bugreport.Write(cmd.Context(), out, c, namespace, p.build), out.Close()); err != nil {
				os.Remove(file)
				return err
			}
			fmt.Fprintf(p.Out, "%s\n", file)
			return nil
		},
	}
	cmd.Flags().BoolVarP(&allNamespaces, "all-namespaces", "A", false, "Include the pods of all namespaces.")
	cmd.Flags().StringVar(&file, "file", "", "Write to this `FILE`; it must not exist. Default: certsync-report-TIME.tar.gz")
	return cmd
}
