package cli

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/cluster"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/fleet"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/inspect"
)

// inspected is a certificate with its chain.
type inspected struct {
	URL     string                `json:"url"`
	Path    string                `json:"path"`
	Version string                `json:"version,omitempty"`
	Chain   []inspect.Certificate `json:"chain,omitempty"`
	Problem string                `json:"problem,omitempty"`
}

func (p *plugin) inspectCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "inspect POD [CERTIFICATE]",
		Short: "Show the chains of a pod's certificates: names, validity, fingerprints",
		Long: `Show the certificates in the pod's store, the leaf first. Private keys never leave the pod.

CERTIFICATE is a file name (examplevault.shop-tls), a name in the vault (shop-tls) or a URL.`,
		Example: `  kubectl certsync inspect shop-6d4b75cb6d-hwxzk
  kubectl certsync inspect shop-6d4b75cb6d-hwxzk shop-tls -o json`,
		Args: podArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, pod, err := p.connectTo(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			status := fleet.Query(cmd.Context(), c, pod, true)
			if status.Denied {
				return &cluster.AccessError{Text: status.Unreachable}
			}
			if status.Unreachable != "" {
				return fmt.Errorf("pod %q in namespace %q cannot be queried: %s", pod.Name, pod.Namespace, status.Unreachable)
			}
			list, err := inspectAll(status.Status, args[1:])
			if err != nil {
				return err
			}
			if done, err := encode(p.Out, format, map[string]any{"certificates": list}); done {
				return err
			}
			p.printInspected(list)
			return nil
		},
	}
	outputFlag(cmd, &format, formatJSON, formatYAML)
	return cmd
}

// inspectAll returns the certificates with the given name, or all.
func inspectAll(s *contract.Status, name []string) (list []inspected, err error) {
	var names []string
	for _, c := range s.Certificates {
		names = append(names, path.Base(c.Path))
		if len(name) > 0 && !matches(c, name[0]) {
			continue
		}
		i := inspected{URL: c.URL, Path: c.Path, Version: c.Version}
		if i.Chain, err = inspect.Chain(c.Chain); err != nil {
			return nil, err
		}
		switch {
		case c.Version == "" && c.Failure != nil:
			i.Problem = "not in the store: " + c.Failure.Message
		case c.Version == "":
			i.Problem = "not in the store yet"
		case len(i.Chain) == 0:
			i.Problem = strings.Join(c.Warnings, "; ")
		}
		list = append(list, i)
	}
	switch {
	case len(list) > 0:
		return list, nil
	case len(name) > 0 && len(names) > 0:
		return nil, fmt.Errorf("the pod does not have the certificate %q: it has %s", name[0], strings.Join(names, ", "))
	}
	return nil, fmt.Errorf("the pod's sidecar has no certificates")
}

func matches(c contract.CertificateStatus, name string) bool {
	file := path.Base(c.Path)
	_, short, _ := strings.Cut(file, ".")
	return name == c.URL || name == c.Path || name == file || name == short || strings.HasSuffix(c.URL, "/secrets/"+name)
}

func (p *plugin) printInspected(list []inspected) {
	for i, c := range list {
		if i > 0 {
			fmt.Fprintln(p.Out)
		}
		fmt.Fprintf(p.Out, "%s\n  %s, version %s\n", c.URL, c.Path, oneLine(c.Version))
		if c.Problem != "" {
			fmt.Fprintf(p.Out, "  %s\n", c.Problem)
		}
		for n, d := range c.Chain {
			fmt.Fprintf(p.Out, "  %d  subject   %s\n     issuer    %s\n     serial    %s\n     valid     %s to %s\n     key       %s\n",
				n+1, oneLine(d.Subject), oneLine(d.Issuer), d.Serial, d.NotBefore.Format(time.RFC3339), d.NotAfter.Format(time.RFC3339), d.Key)
			if names := slices.Concat(d.DNSNames, d.OtherNames); len(names) > 0 {
				fmt.Fprintf(p.Out, "     names     %s\n", strings.Join(names, ", "))
			}
			fmt.Fprintf(p.Out, "     SHA-256   %s\n     SHA-1     %s\n", d.SHA256, d.SHA1)
		}
	}
}
