package contract

import "slices"

// Words returns the allowed values of the settings that have a fixed list of them, by the path of
// the setting without indexes, as in "secretsManagementSettings.formats".
func Words() map[string][]string {
	return map[string][]string{
		PathSecrets + ".logLevel":          slices.Clone(logLevels),
		PathSecrets + ".formats":           slices.Clone(allFormats),
		PathObserved + ".formats":          slices.Clone(allFormats),
		PathAuthentication + ".credential": slices.Clone(credentials),
		PathLogging + ".logger":            {LoggerFluentd},
		PathLogging + ".format":            {LogFormatForward},
	}
}
