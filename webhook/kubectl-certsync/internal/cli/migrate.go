package cli

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/migrate"
)

func (p *plugin) migrateCommand() *cobra.Command {
	var file string
	var o migrate.Options
	cmd := &cobra.Command{
		Use:   "migrate -f FILE",
		Short: "Convert settings of the VM extension, or a SecretProviderClass",
		Long: `Convert the settings of the Key Vault VM extension (JSON) to a ConfigMap and an annotation, or a
SecretProviderClass of the Secrets Store CSI driver (YAML) to annotations.

The result is YAML on standard output; what does not carry over is on standard error. No cluster is
used.`,
		Example: `  kubectl certsync migrate -f settings.json --name shop-certificates | kubectl apply -f -
  kubectl get secretproviderclass shop -o yaml | kubectl certsync migrate -f -`,
		Args: atMost(0),
		RunE: func(*cobra.Command, []string) error {
			if file == "" {
				return usageError{errors.New("name a file with -f")}
			}
			if problems := validation.IsDNS1123Subdomain(o.Name); problems != nil {
				return usageError{fmt.Errorf("flag --name: value %q: %s", o.Name, problems[0])}
			}
			if n := p.flags.Namespace; n != nil {
				o.Namespace = *n
			}
			source, err := p.read(file)
			if err != nil {
				return err
			}
			r, err := migrate.Convert(source, o)
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			return p.printMigration(r)
		},
	}
	cmd.Flags().StringVarP(&file, "filename", "f", "", "`FILE` to convert; - is standard input.")
	cmd.Flags().StringVar(&o.Name, "name", "certsync-settings", "Name of the ConfigMap.")
	cmd.Flags().StringSliceVar(&o.AllowedVaults, "allowed-vaults", nil, "DNS suffixes of vaults that the webhook allows, if not Azure's.")
	return cmd
}

func (p *plugin) printMigration(r *migrate.Result) error {
	// Annotations are comments, so that the output can be applied.
	fmt.Fprint(p.Out, r.Manifest)
	for _, part := range []struct {
		title string
		m     map[string]string
	}{
		{"annotations of the pod (or its template), which also needs the label azure.workload.identity/use: \"true\"", r.Annotations},
		{"annotations of the service account", r.ServiceAccount},
	} {
		if len(part.m) == 0 {
			continue
		}
		fmt.Fprintf(p.Out, "# %s:\n", part.title)
		for _, key := range slices.Sorted(maps.Keys(part.m)) {
			line, err := yaml.Marshal(map[string]string{key: part.m[key]})
			if err != nil {
				return err
			}
			fmt.Fprintf(p.Out, "#   %s", line)
		}
	}
	for _, note := range r.Notes {
		fmt.Fprintf(p.ErrOut, "note: %s\n", note)
	}
	return nil
}
