package contract_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// TestSettings parses and validates each settings text in both modes and compares the result with a
// golden file. The texts in testdata/extension are the examples in the documents of the extension,
// as printed and with their placeholders replaced; those in testdata/cases are additional cases.
func TestSettings(t *testing.T) {
	paths, err := filepath.Glob("testdata/*/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatal("no test cases", err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(strings.TrimPrefix(path, "testdata/"), ".json")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, report(t, data))
		})
	}
}

func report(t *testing.T, data []byte) string {
	t.Helper()
	var b strings.Builder
	s, err := contract.Parse(data)
	if err != nil {
		b.WriteString("parse:\n")
		writeErrors(t, &b, err)
		return b.String()
	}
	encoded, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "encoded: %s\n", encoded)
	for mode, title := range []string{contract.Pod: "pod", contract.Host: "host"} {
		fmt.Fprintf(&b, "\n%s:\n", title)
		config, warnings, err := s.Validate(contract.Rules{Mode: contract.Mode(mode)})
		for _, w := range warnings {
			fmt.Fprintf(&b, "  warning: %s\n", w)
		}
		if err != nil {
			writeErrors(t, &b, err)
		} else {
			writeConfig(&b, config)
		}
	}
	return b.String()
}

// writeErrors writes each error on a line, and the end of the joined message if that is shortened.
func writeErrors(t *testing.T, b *strings.Builder, err error) {
	t.Helper()
	var list contract.FieldErrors
	if !errors.As(err, &list) {
		t.Fatalf("%T is not a FieldErrors: %v", err, err)
	}
	for _, e := range list {
		fmt.Fprintf(b, "  error: %s\n", e)
	}
	if _, more, cut := strings.Cut(err.Error(), "; and "); cut {
		fmt.Fprintf(b, "  ... and %s\n", more)
	}
}

// TestWindowsSettings parses and validates settings for Windows. Those of the extension's documents
// begin with "vm" and "batch".
func TestWindowsSettings(t *testing.T) {
	paths, err := filepath.Glob("testdata/windows/cases/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatal("no test cases", err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(strings.TrimPrefix(path, "testdata/"), ".json")
		t.Run(filepath.Base(name), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, reportWindows(t, data))
		})
	}
}

func reportWindows(t *testing.T, data []byte) string {
	t.Helper()
	var b strings.Builder
	s, err := contract.ParseFor(contract.SystemWindows, data)
	if err != nil {
		b.WriteString("parse:\n")
		writeErrors(t, &b, err)
		return b.String()
	}
	config, warnings, err := s.Validate(contract.Rules{Mode: contract.Windows})
	for _, w := range warnings {
		fmt.Fprintf(&b, "  warning: %s\n", w)
	}
	if err != nil {
		writeErrors(t, &b, err)
		return b.String()
	}
	fmt.Fprintf(&b, "  polling %s, initial sync %t\n  credential %s %s\n",
		config.PollingInterval, config.RequireInitialSync, config.Credential, config.MSIEndpoint)
	for _, c := range config.Certificates {
		fmt.Fprintf(&b, "  certificate %s\n    in %s\n    client %q, version %q, formats %q\n    key %+v\n",
			c.URL, c.Place(), c.ClientID, c.Version, c.Formats, c.Windows)
	}
	return b.String()
}

func writeConfig(b *strings.Builder, c *contract.Config) {
	fmt.Fprintf(b, "  polling %s, initial sync %t, port %d, log level %s\n", c.PollingInterval, c.RequireInitialSync, c.Port, c.LogLevel)
	fmt.Fprintf(b, "  credential %s %s\n", c.Credential, c.MSIEndpoint)
	if c.KeystorePasswordFile != "" {
		fmt.Fprintf(b, "  keystore password %s\n", c.KeystorePasswordFile)
	}
	if c.Reload != (contract.Reload{}) {
		fmt.Fprintf(b, "  reload %+v\n", c.Reload)
	}
	if c.Logging != (contract.Logging{}) {
		fmt.Fprintf(b, "  logging %+v\n", c.Logging)
	}
	for _, cert := range c.Certificates {
		fmt.Fprintf(b, "  certificate %s\n    vault %s, file %s, name %q, version %q\n",
			cert.URL, cert.VaultURL, cert.FileName(), cert.Name, cert.Version)
		fmt.Fprintf(b, "    link %s/%s, formats %v, acls %+v\n", cert.Store, cert.LinkName, cert.Formats, cert.ACLs)
		if cert.Mode != 0o600 {
			fmt.Fprintf(b, "    mode %s\n", cert.Mode)
		}
		if cert.ClientID+cert.TenantID != "" {
			fmt.Fprintf(b, "    client %q, tenant %q\n", cert.ClientID, cert.TenantID)
		}
	}
}
