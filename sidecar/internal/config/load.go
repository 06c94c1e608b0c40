package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// settings are the effective ones, with where they come from.
type settings struct {
	*contract.Config
	// text is the same exactly if the settings are.
	text     string
	warnings []string
	// file is empty where there is no settings file; content is what it has.
	file    string
	content []byte
	// refused is why newer settings are not used.
	refused error
}

// loadSettings reads the settings file and the variable, and validates what they come to together. The
// error names the source and everything that is wrong with it.
func loadSettings(o options) (*settings, error) {
	base, content, file, err := readFile(o.settings)
	if err != nil {
		return nil, err
	}
	var over *contract.Settings
	source := file
	if text := os.Getenv(contract.EnvSettings); text != "" {
		if over, err = contract.Parse([]byte(text)); err != nil {
			return nil, fmt.Errorf("%s: %w", contract.EnvSettings, err)
		}
		source = cmp.Or(file, contract.EnvSettings)
	}
	if base == nil && over == nil && len(o.metadata) == 0 {
		return nil, fmt.Errorf("no settings: set %s, or give a file with --settings", contract.EnvSettings)
	}
	all := contract.Overlay(base, over)
	text, err := all.Encode()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	s := &settings{text: string(text), file: file, content: content}
	r := rules(o)
	r.NoCertificates = base == nil && len(o.metadata) > 0
	if s.Config, s.warnings, err = all.Validate(r); err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	if err := checkIDs(s.Config); err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	return s, nil
}

func (s *settings) logWarnings(log *slog.Logger) {
	for _, w := range s.warnings {
		log.Warn("settings", "warning", w)
	}
}

// readFile reads a settings file. Without a path it is the one in the pod, which may be missing.
func readFile(path string) (s *contract.Settings, content []byte, used string, err error) {
	used = cmp.Or(path, contract.SettingsFile)
	content, err = os.ReadFile(used)
	if path == "" && errors.Is(err, fs.ErrNotExist) {
		return nil, nil, "", nil
	}
	if err != nil {
		return nil, nil, "", fmt.Errorf("settings file: %w", err)
	}
	if s, err = contract.Parse(content); err != nil {
		return nil, nil, "", fmt.Errorf("%s: %w", used, err)
	}
	return s, content, used, nil
}

func rules(o options) contract.Rules {
	r := contract.Rules{Mode: contract.Pod}
	if o.host {
		r.Mode = contract.Host
	}
	for suffix := range strings.SplitSeq(os.Getenv(contract.EnvAllowedVaults), ",") {
		if suffix = strings.TrimSpace(suffix); suffix != "" {
			r.AllowedVaults = append(r.AllowedVaults, suffix)
		}
	}
	return r
}

// printEffective prints what the settings come to, for people; warnings as comments above it.
func printEffective(w io.Writer, s *settings) {
	for _, warning := range s.warnings {
		fmt.Fprintln(w, "# warning:", warning)
	}
	fmt.Fprintf(w, "polling interval:     %s\n", s.PollingInterval)
	fmt.Fprintf(w, "require initial sync: %t\n", s.RequireInitialSync)
	fmt.Fprintf(w, "credential:           %s\n", s.Credential)
	if s.MSIEndpoint != "" {
		fmt.Fprintf(w, "  endpoint:           %s\n", s.MSIEndpoint)
	}
	fmt.Fprintf(w, "log level:            %s\n", strings.ToLower(s.LogLevel.String()))
	if s.Logging.Endpoint != "" {
		fmt.Fprintf(w, "log:                  also to %s, as %q\n", s.Logging.Endpoint, s.Logging.ServiceName)
	}
	if s.Reload.Signal != "" {
		fmt.Fprintf(w, "after a renewal:      %s to processes named %q\n", s.Reload.Signal, s.Reload.Process)
	}
	if s.Reload.URL != "" {
		fmt.Fprintf(w, "after a renewal:      POST %s\n", s.Reload.URL)
	}
	for _, c := range s.Certificates {
		fmt.Fprintf(w, "certificate:          %s\n", c.URL)
		fmt.Fprintf(w, "  in:                 %s/%s\n", c.Store, c.LinkName)
		fmt.Fprintf(w, "  formats:            %s\n", strings.Join(c.Formats, ", "))
		if c.ClientID != "" {
			fmt.Fprintf(w, "  client ID:          %s\n", c.ClientID)
		}
		if c.TenantID != "" {
			fmt.Fprintf(w, "  tenant ID:          %s\n", c.TenantID)
		}
		fmt.Fprintf(w, "  file mode:          %#o\n", c.Mode)
		for _, acl := range c.ACLs {
			fmt.Fprintf(w, "  may read:           user %q, group %q\n", acl.User, acl.Group)
		}
	}
}
