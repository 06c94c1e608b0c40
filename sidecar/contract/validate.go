package contract

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Paths of the settings' three parts.
const (
	pathSecrets        = "secretsManagementSettings"
	pathObserved       = pathSecrets + ".observedCertificates"
	pathAuthentication = "authenticationSettings"
	pathLogging        = "loggingSettings"
)

// Validate checks every value and fills in the defaults. It returns warnings, in the form "path: text",
// about what is legal but has no effect or may not be meant, also beside an error. The error is a
// FieldErrors with everything that is wrong, the entries last; the Config is nil then.
// It depends on its arguments only, so that admission refuses exactly what the sidecar would refuse.
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

// validator collects what Validate returns.
type validator struct {
	settings *Settings
	mode     Mode
	suffixes []string
	// noCertificates is that of Rules.
	noCertificates bool

	config   Config
	warnings []string
	errs     FieldErrors

	// store and formats are the defaults of the entries; store is empty where it is wrong.
	store   string
	formats []string
	// clientID is msiClientId, where it holds.
	clientID string
	// access is that of the entries that do not say who may read them.
	access access
}

func (v *validator) fail(path, value, reason string, args ...any) {
	v.errs = append(v.errs, &FieldError{Path: path, Value: value, Reason: fmt.Sprintf(reason, args...)})
}

func (v *validator) warn(path, text string, args ...any) {
	v.warnings = append(v.warnings, path+": "+fmt.Sprintf(text, args...))
}

// secretsManagement checks all of this part but the entries, which need the others first.
func (v *validator) secretsManagement() {
	s := &v.settings.SecretsManagement

	v.config.PollingInterval = DefaultPollingInterval
	if s.PollingInterval != 0 {
		v.config.PollingInterval = time.Duration(s.PollingInterval)
		if err := checkPollingInterval(v.config.PollingInterval); err != nil {
			v.fail(pathSecrets+".pollingIntervalInS", v.config.PollingInterval.String(), "%s", err)
		}
	}
	v.config.RequireInitialSync = v.mode == Pod
	if s.RequireInitialSync != nil {
		v.config.RequireInitialSync = *s.RequireInitialSync
	}
	v.store = DefaultStoreLocation
	if s.CertificateStoreLocation != "" {
		v.store = v.storeLocation(pathSecrets, s.CertificateStoreLocation)
	}
	if s.LinkOnRenewal != nil && *s.LinkOnRenewal {
		v.warn(pathSecrets+".linkOnRenewal", "has no effect on Linux")
	}
	v.access = v.defaultAccess(s)
	v.port(s.Port)
	v.logLevel(s.LogLevel)
	v.formats = v.formatList(pathSecrets+".formats", s.Formats)
	if len(v.formats) == 0 {
		v.formats = []string{FormatPEM}
	}
	v.keystorePasswordFile(s.KeystorePasswordFile)
	v.reload(s.Reload)
}

func (v *validator) port(port int) {
	lowest := 1024 // below that a process needs a capability, which the sidecar in a pod has not
	if v.mode == Host {
		lowest = 1
	}
	if port != 0 && (port < lowest || port > 65535) {
		v.fail(pathSecrets+".port", strconv.Itoa(port), "a port from %d to 65535 is needed", lowest)
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
		v.fail(pathSecrets+".logLevel", text, "%s", oneOf(text, logLevels))
		return
	}
	// These names are slog's own, but for their case.
	var level slog.Level
	if err := level.UnmarshalText([]byte(text)); err != nil {
		v.fail(pathSecrets+".logLevel", text, "%s", err)
		return
	}
	v.config.LogLevel = level
}

// allFormats are the values of formats, in the order of Certificate.Formats.
var allFormats = []string{FormatPEM, FormatSplit, FormatPKCS12, FormatJKS}

// formatList returns the known ones of formats in order, each once.
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
		v.fail(pathSecrets+".keystorePasswordFile", path, "%s", reason)
		return
	}
	v.config.KeystorePasswordFile = path
}

// oneOf is the reason for a word that is none of the allowed ones.
func oneOf(word string, allowed []string) string {
	reason := "expected " + strings.Join(allowed[:len(allowed)-1], ", ") + " or " + allowed[len(allowed)-1]
	if near := Nearest(word, allowed); near != "" {
		reason += "; did you mean " + quote(near) + "?"
	}
	return reason
}
