package settings

import (
	"strconv"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// override is an annotation that overrides one setting.
type override struct {
	key string
	// path is the setting's, as contract.FieldError names it; errors about it are errors about the annotation.
	path string
	// set puts the value into the settings and returns why it cannot, or "". What Validate checks is left to it.
	set func(s *contract.Settings, text string) string
}

const management = "secretsManagementSettings."

var overrides = []override{
	{contract.KeyPollingInterval, management + "pollingIntervalInS", setPollingInterval},
	{contract.KeyRequireInitial, management + "requireInitialSync", setRequireInitialSync},
	{contract.KeyFormats, management + "formats", func(s *contract.Settings, text string) string {
		s.SecretsManagement.Formats = urls(text)
		return ""
	}},
	{contract.KeyFileMode, management + "fileMode", text(func(s *contract.Settings) *string { return &s.SecretsManagement.FileMode })},
	{contract.KeyPort, management + "port", setPort},
	{contract.KeyLogLevel, management + "logLevel", text(func(s *contract.Settings) *string { return &s.SecretsManagement.LogLevel })},
	{contract.KeyCredential, "authenticationSettings.credential", text(func(s *contract.Settings) *string { return &s.Authentication.Credential })},
	{contract.KeyReloadSignal, management + "reload.signal", text(func(s *contract.Settings) *string { return &s.SecretsManagement.Reload.Signal })},
	{contract.KeyReloadProcess, management + "reload.process", text(func(s *contract.Settings) *string { return &s.SecretsManagement.Reload.Process })},
	{contract.KeyReloadURL, management + "reload.url", text(func(s *contract.Settings) *string { return &s.SecretsManagement.Reload.URL })},
}

func text(field func(*contract.Settings) *string) func(*contract.Settings, string) string {
	return func(s *contract.Settings, text string) string {
		*field(s) = text
		return ""
	}
}

func setPollingInterval(s *contract.Settings, text string) string {
	d, err := contract.ParsePollingInterval(text)
	if err != nil {
		return err.Error()
	}
	s.SecretsManagement.PollingInterval = contract.Seconds(d)
	return ""
}

func setRequireInitialSync(s *contract.Settings, text string) string {
	value, ok := boolean(text)
	if !ok {
		return wantBoolean
	}
	s.SecretsManagement.RequireInitialSync = &value
	return ""
}

func setPort(s *contract.Settings, text string) string {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return "a port is a number from 1 to 65535"
	}
	s.SecretsManagement.Port = int(port)
	return ""
}

const wantBoolean = `give "true" or "false"`

func boolean(text string) (value, ok bool) {
	return text == "true", text == "true" || text == "false"
}

// keystore splits the keystore-password-secret annotation, "<name>[/<key>]"; key is "password" where it is not given.
func keystore(v Value) (name, key string, err *Error) {
	name, key, given := strings.Cut(v.Text, "/")
	if !given {
		key = "password"
	}
	if !isObjectName(name) {
		return "", "", v.Err("give the name of a Secret in the pod's namespace, as <name> or <name>/<key>")
	}
	foreign := func(r rune) bool {
		return r != '-' && r != '_' && r != '.' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	}
	if key == "" || len(key) > 253 || key == "." || strings.HasPrefix(key, "..") || strings.ContainsFunc(key, foreign) {
		return "", "", v.Err("after the slash, give a key of the Secret, made of letters, digits, \"-\", \"_\" and \".\"")
	}
	return name, key, nil
}

func native(v Value) (Native, *Error) {
	switch v.Text {
	case "", "auto":
		return NativeAuto, nil
	case "true":
		return NativeTrue, nil
	case "false":
		return NativeFalse, nil
	}
	return 0, v.Err(`give "auto", "true" or "false"`)
}
