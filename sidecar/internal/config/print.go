package config

import (
	"fmt"
	"io"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// Print writes the effective settings for people, with the warnings as comments above them.
func (l *Loaded) Print(w io.Writer) {
	for _, warning := range l.Warnings {
		fmt.Fprintln(w, "# warning:", warning)
	}
	fmt.Fprintf(w, "polling interval:     %s\n", l.PollingInterval)
	fmt.Fprintf(w, "require initial sync: %t\n", l.RequireInitialSync)
	fmt.Fprintf(w, "credential:           %s\n", l.Credential)
	if l.MSIEndpoint != "" {
		fmt.Fprintf(w, "  endpoint:           %s\n", l.MSIEndpoint)
	}
	fmt.Fprintf(w, "log level:            %s\n", strings.ToLower(l.LogLevel.String()))
	if l.Logging.Endpoint != "" {
		fmt.Fprintf(w, "log:                  also to %s, as %q\n", l.Logging.Endpoint, l.Logging.ServiceName)
	}
	if l.Reload.Signal != "" {
		fmt.Fprintf(w, "after a renewal:      %s to processes named %q\n", l.Reload.Signal, l.Reload.Process)
	}
	if l.Reload.URL != "" {
		fmt.Fprintf(w, "after a renewal:      POST %s\n", l.Reload.URL)
	}
	for _, cert := range l.Certificates {
		fmt.Fprintf(w, "certificate:          %s\n", cert.URL)
		fmt.Fprintf(w, "  in:                 %s\n", cert.Place())
		if len(cert.Formats) > 0 {
			fmt.Fprintf(w, "  formats:            %s\n", strings.Join(cert.Formats, ", "))
		}
		if cert.ClientID != "" {
			fmt.Fprintf(w, "  client ID:          %s\n", cert.ClientID)
		}
		if cert.TenantID != "" {
			fmt.Fprintf(w, "  tenant ID:          %s\n", cert.TenantID)
		}
		if cert.InSystemStore() {
			printKey(w, cert.Windows)
		} else {
			printAccess(w, cert)
		}
	}
}

func printAccess(w io.Writer, cert contract.Certificate) {
	fmt.Fprintf(w, "  file mode:          %#o\n", cert.Mode)
	for _, acl := range cert.ACLs {
		fmt.Fprintf(w, "  may read:           user %q, group %q\n", acl.User, acl.Group)
	}
}

func printKey(w io.Writer, key contract.WindowsKey) {
	fmt.Fprintf(w, "  key exportable:     %t\n", key.KeyExportable)
	fmt.Fprintf(w, "  link on renewal:    %t\n", key.LinkOnRenewal)
	for _, account := range key.Accounts {
		fmt.Fprintf(w, "  may use the key:    %q\n", account)
	}
}
