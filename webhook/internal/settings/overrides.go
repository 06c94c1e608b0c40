package settings

import (
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// override is an annotation that overrides one setting.
type override struct {
	key string
	// path is the path of the setting in a contract.FieldError. An error about it becomes an error
	// about the annotation.
	path string
	// set puts the value into the settings. It returns the reason why it cannot, or "". Validate
	// checks the rest.
	set func(s *contract.Settings, text string) string
}

// management begins the paths of the settings that are not about identity or logging.
const management = contract.PathSecrets + "."

var overrides = []override{
	{contract.KeyPollingInterval, management + "pollingIntervalInS", setPollingInterval},
	{contract.KeyRequireInitial, management + "requireInitialSync", setRequireInitialSync},
	{contract.KeyFormats, management + "formats", func(s *contract.Settings, text string) string {
		s.SecretsManagement.Formats = splitList(text)
		return ""
	}},
	{contract.KeyFileMode, management + "fileMode", setText(func(s *contract.Settings) *string { return &s.SecretsManagement.FileMode })},
	{contract.KeyPort, management + "port", setPort},
	{contract.KeyLogLevel, management + "logLevel", setText(func(s *contract.Settings) *string { return &s.SecretsManagement.LogLevel })},
	{contract.KeyCredential, contract.PathAuthentication + ".credential",
		setText(func(s *contract.Settings) *string { return &s.Authentication.Credential })},
	{contract.KeyReloadSignal, management + "reload.signal",
		setText(func(s *contract.Settings) *string { return &s.SecretsManagement.Reload.Signal })},
	{contract.KeyReloadProcess, management + "reload.process",
		setText(func(s *contract.Settings) *string { return &s.SecretsManagement.Reload.Process })},
	{contract.KeyReloadURL, management + "reload.url",
		setText(func(s *contract.Settings) *string { return &s.SecretsManagement.Reload.URL })},
}

func setText(field func(*contract.Settings) *string) func(*contract.Settings, string) string {
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
	value, ok := contract.ParseBool(text)
	if !ok {
		return reasonBool
	}
	s.SecretsManagement.RequireInitialSync = &value
	return ""
}

func setPort(s *contract.Settings, text string) string {
	port, ok := contract.ParsePort(text)
	if !ok {
		return contract.ReasonInvalidPort
	}
	s.SecretsManagement.Port = port
	return ""
}

const reasonBool = `expected "true" or "false"`
