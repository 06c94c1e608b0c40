package contract

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Validate checks all values and fills in the defaults. The result depends only on s and r, so
// admission refuses exactly what the sidecar would refuse.
//
// The warnings have the form "path: text". They are about settings that are allowed but have no
// effect or are probably a mistake. Validate also returns them together with an error.
//
// The error is a FieldErrors without line and column. It has every invalid value, those of the
// entries last; the Config is then nil.
func (s *Settings) Validate(r Rules) (*Config, []string, error) {
	v := &validator{settings: s, mode: r.Mode, suffixes: vaultSuffixes(r.AllowedVaults), noCertificates: r.NoCertificates}
	v.secretsManagement()
	v.authentication()
	v.logging()
	v.certificates()
	if err := v.errs.err(); err != nil {
		return nil, v.warnings, err
	}
	return &v.config, v.warnings, nil
}

// validator collects the results of Validate.
type validator struct {
	settings       *Settings
	mode           Mode
	suffixes       []string // of allowed vaults
	noCertificates bool     // see Rules

	config   Config
	warnings []string
	errs     FieldErrors

	// The following fields are the defaults of the entries. The store is empty if it is invalid.
	store string
	// storeNames are the names of Windows stores as first written, by their lower-case form.
	storeNames map[string]string
	formats    []string
	clientID   string // msiClientId
	access     access
}

func (v *validator) fail(path, value, reason string, args ...any) {
	v.errs = append(v.errs, &FieldError{Path: path, Value: value, Reason: fmt.Sprintf(reason, args...)})
}

func (v *validator) warn(path, text string, args ...any) {
	v.warnings = append(v.warnings, path+": "+fmt.Sprintf(text, args...))
}

// secretsManagement checks this part except the entries, which depend on all other settings.
func (v *validator) secretsManagement() {
	s := &v.settings.SecretsManagement

	v.config.PollingInterval = DefaultPollingInterval
	if s.PollingInterval != 0 {
		v.config.PollingInterval = time.Duration(s.PollingInterval)
		if err := checkPollingInterval(v.config.PollingInterval); err != nil {
			v.fail(PathSecrets+".pollingIntervalInS", v.config.PollingInterval.String(), "%s", err)
		}
	}
	v.config.RequireInitialSync = v.mode == Pod
	if s.RequireInitialSync != nil {
		v.config.RequireInitialSync = *s.RequireInitialSync
	}
	v.store = v.defaultStore(s)
	if v.mode != Windows && s.LinkOnRenewal != nil && *s.LinkOnRenewal {
		v.warn(PathSecrets+".linkOnRenewal", "has no effect on Linux")
	}
	v.access = v.defaultAccess(s)
	v.port(s.Port)
	v.logLevel(s.LogLevel)
	v.formats = v.formatList(PathSecrets+".formats", s.Formats)
	if len(v.formats) == 0 && v.mode != Windows {
		v.formats = []string{FormatPEM}
	}
	v.keystorePasswordFile(s.KeystorePasswordFile)
	v.reload(s.Reload)
}

func (v *validator) port(port int) {
	lowest := 1024 // lower ports need a capability that the sidecar does not have in a pod
	if v.mode != Pod {
		lowest = 1
	}
	if port != 0 && (port < lowest || port > 65535) {
		v.fail(PathSecrets+".port", strconv.Itoa(port), "expected a port from %d to 65535", lowest)
		return
	}
	v.config.Port = port
}

// logLevels are the values of logLevel.
var logLevels = []string{"debug", "info", "warn", "error"}

func (v *validator) logLevel(text string) {
	if text == "" {
		return // the zero value is slog.LevelInfo
	}
	if !slices.Contains(logLevels, text) {
		v.fail(PathSecrets+".logLevel", text, "%s", oneOf(text, logLevels))
		return
	}
	// slog uses the same names in upper case and accepts any case.
	var level slog.Level
	if err := level.UnmarshalText([]byte(text)); err != nil {
		v.fail(PathSecrets+".logLevel", text, "%s", err)
		return
	}
	v.config.LogLevel = level
}

// allFormats are the values of formats in the order of Certificate.Formats.
var allFormats = []string{FormatPEM, FormatSplit, FormatPKCS12, FormatJKS, FormatKeyID}

// formatList returns the valid formats in the order of allFormats, without duplicates.
func (v *validator) formatList(path string, formats []string) []string {
	for i, f := range formats {
		if !slices.Contains(allFormats, f) {
			v.fail(fmt.Sprintf("%s[%d]", path, i), f, "%s", oneOf(f, allFormats))
		}
	}
	var list []string
	for _, f := range allFormats {
		if slices.Contains(formats, f) {
			list = append(list, f)
		}
	}
	return list
}

func (v *validator) keystorePasswordFile(path string) {
	if path == "" {
		return
	}
	if reason := checkAbsolute(path); reason != "" {
		v.fail(PathSecrets+".keystorePasswordFile", path, "%s", reason)
		return
	}
	v.config.KeystorePasswordFile = path
}

// oneOf returns the error for a word that is not allowed.
func oneOf(word string, allowed []string) string {
	reason := "expected " + strings.Join(allowed[:len(allowed)-1], ", ") + " or " + allowed[len(allowed)-1]
	if near := Nearest(word, allowed); near != "" {
		reason += "; did you mean " + quote(near) + "?"
	}
	return reason
}
