package main

import "github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"

// property describes a setting. A pattern must accept all that contract.Validate accepts, and the
// empty string, which means the same as an absent setting.
type property struct {
	description string
	byDefault   any
	examples    []any
	pattern     string
	required    bool
	// minimum and maximum are the bounds of a number.
	minimum, maximum int64
}

// secretPattern is the form of a secret's URL in all spellings that are accepted. The host is not
// checked: it depends on the allowed vaults.
const secretPattern = `^\s*[Hh][Tt][Tt][Pp][Ss]://[^/?#@]+/+[Ss][Ee][Cc][Rr][Ee][Tt][Ss]/+[0-9A-Za-z-]{1,127}(/+[0-9A-Za-z]{1,127})?/*\s*$`

// Patterns of other values.
const (
	absolutePattern = `^(/.*)?$`
	endpointPattern = `^([Tt][Cc][Pp]|[Uu][Nn][Ii][Xx]):`
	modePattern     = `^[0-7]*$`
	tenantPattern   = `^[0-9A-Za-z.-]*$`
	loopbackPattern = `^([Hh][Tt][Tt][Pp][Ss]?://.*)?$`
)

// Paths of objects and lists.
const (
	secrets  = contract.PathSecrets
	entries  = contract.PathObserved
	entry    = entries + "[]."
	identity = contract.PathAuthentication
	logging  = contract.PathLogging
)

const exampleURL = "https://examplevault.vault.azure.net/secrets/shop-tls"

// properties are the settings by their path.
var properties = map[string]property{
	secrets: {description: "Which certificates to sync, and how to store them."},
	secrets + ".pollingIntervalInS": {
		description: "Seconds between two polls of the vault, from 10 to 604800, as a string or number. The extension's version 4 allows 300 to 3600.",
		byDefault:   "3600", examples: []any{"3600", 3600},
		minimum: int64(contract.MinPollingInterval.Seconds()), maximum: int64(contract.MaxPollingInterval.Seconds()),
	},
	secrets + ".requireInitialSync": {
		description: "Whether to report readiness only after all certificates have been installed. Default: true in a pod, false on a host. " +
			"Not in version 4 of the extension.",
		examples: []any{true},
	},
	secrets + ".certificateStoreLocation": {
		description: "The directory for the files of entries that name no other one.",
		byDefault:   contract.DefaultStoreLocation, examples: []any{"/etc/ssl/shop"}, pattern: absolutePattern,
	},
	secrets + ".certificateStoreName": {description: "No effect, as in the extension for Linux.", examples: []any{"MY"}},
	secrets + ".aclEnabled": {
		description: "false: the entries' acls are ignored, with a warning. Not in version 4 of the extension, where they always apply.",
		byDefault:   true, examples: []any{true},
	},
	secrets + ".linkOnRenewal": {description: "No effect, as in the extension for Linux.", examples: []any{false}},
	secrets + ".fileMode": {
		description: "Permission bits of the files, in octal. Default: by readers. Not in the extension.",
		examples:    []any{"0640"}, pattern: modePattern,
	},
	secrets + ".readers": {
		description: "Who can read the files if neither fileMode nor acls specify it: user numbers, group, everyone. " +
			"In a pod, the webhook chooses them. Not in the extension.",
		examples: []any{[]any{1000, contract.ReadersGroup}},
	},
	secrets + ".readers[]": {pattern: `^([0-9]+|` + contract.ReadersGroup + `|` + contract.ReadersEveryone + `)$`},
	secrets + ".port": {
		description: "HTTP port for probes, status and metrics, from 1024 in a pod. Not in the extension.",
		byDefault:   contract.DefaultPort, examples: []any{9000}, minimum: 1, maximum: 65535,
	},
	secrets + ".logLevel": {description: "The lowest level of log records. Not in the extension.", byDefault: "info", examples: []any{"debug"}},
	secrets + ".keystorePasswordFile": {
		description: "A file with the password of keystores. Default: the password is " + contract.DefaultKeystorePass + ". Not in the extension.",
		examples:    []any{"/etc/certsync/password"}, pattern: absolutePattern,
	},
	secrets + ".formats": {
		description: "The file formats of entries that name no other ones. Not in the extension.",
		byDefault:   []any{contract.FormatPEM}, examples: []any{[]any{contract.FormatPEM, contract.FormatPKCS12}},
	},
	secrets + ".reload": {description: "How to notify the app after a renewal. Not in the extension."},
	secrets + ".reload.signal": {
		description: "The signal to send, by name or number. Needs process.", examples: []any{"HUP", 1},
	},
	secrets + ".reload.process": {
		description: "The name of the processes that receive the signal, as in /proc/<pid>/comm. Needs signal.", examples: []any{"nginx"},
	},
	secrets + ".reload.url": {
		description: "A URL on localhost that receives a POST.", examples: []any{"http://localhost:8080/reload"}, pattern: loopbackPattern,
	},
	entries: {description: "The certificates: secret URLs, or objects with these keys.", examples: []any{[]any{exampleURL}}},
	entry + "url": {
		description: "The URL of the certificate's secret in Key Vault. With a version it is pinned, and never renewed; " +
			"version 4 of the extension does not allow that.",
		examples: []any{exampleURL}, pattern: secretPattern, required: true,
	},
	entry + "certificateStoreLocation": {
		description: "The directory for the files.", examples: []any{"/etc/ssl/shop"}, pattern: absolutePattern,
	},
	entry + "certificateStoreName": {description: "No effect, as in the extension for Linux.", examples: []any{"MY"}},
	entry + "customSymbolicLinkName": {
		description: "The name of the link to the newest version. Default: <vault>.<name>. Not in version 4 of the extension.",
		examples:    []any{"shop"}, pattern: `^[^/]*$`,
	},
	entry + "acls":         {description: "Users and groups that can read the files, in addition to the owner.", examples: []any{[]any{map[string]any{"user": 1000}}}},
	entry + "acls[].user":  {description: "A user, by number or, on a host, by name. In a pod, names are ignored, with a warning.", examples: []any{"1000", 1000}},
	entry + "acls[].group": {description: "A group, by number or, on a host, by name. In a pod, names are ignored, with a warning.", examples: []any{"2000", 2000}},
	entry + "formats":      {description: "The file formats. Not in the extension.", examples: []any{[]any{contract.FormatSplit}}},
	entry + "clientId": {
		description: "The client ID of the identity for this certificate. Not in the extension: its version 4 has authenticationOverride.",
		examples:    []any{"11112222-bbbb-3333-cccc-4444dddd5555"},
	},
	entry + "tenantId": {
		description: "The GUID of the identity's tenant. Not in the extension.",
		examples:    []any{"aaaabbbb-0000-cccc-1111-dddd2222eeee"}, pattern: tenantPattern,
	},
	entry + "authenticationOverride": {description: "The identity for this certificate, in version 4 of the extension."},
	entry + "authenticationOverride.msiClientId": {
		description: "The client ID of the identity for this certificate, in place of authenticationSettings.msiClientId.",
		examples:    []any{"11112222-bbbb-3333-cccc-4444dddd5555"},
	},
	identity: {description: "The identity that reads the secrets."},
	identity + ".msiEndpoint": {
		description: "The managed identity endpoint: " + contract.DefaultMSIEndpoint + ", or for Azure Arc http://localhost:40342/metadata/identity. " +
			"No effect with the credential " + contract.CredentialWorkloadIdentity + ".",
		byDefault: contract.DefaultMSIEndpoint, examples: []any{contract.DefaultMSIEndpoint},
	},
	identity + ".msiClientId": {
		description: "The client ID of the identity: in a pod the federated one, on a host the managed one.",
		examples:    []any{"00001111-aaaa-2222-bbbb-3333cccc4444"},
	},
	identity + ".credential": {
		description: "Default: " + contract.CredentialWorkloadIdentity + " in a pod, " + contract.CredentialManagedIdentity + " on a host. Not in the extension.",
		examples:    []any{contract.CredentialManagedIdentity},
	},
	logging:             {description: "Also send the log to fluentd."},
	logging + ".logger": {description: "The kind of endpoint.", byDefault: contract.LoggerFluentd, examples: []any{contract.LoggerFluentd}},
	logging + ".endpoint": {
		description: "tcp://<host>:<port> or, on a host, unix:///<path of a socket>. Required with the other settings of the log.",
		examples:    []any{"tcp://localhost:24224", "unix:///run/fluent.sock"}, pattern: `^$|` + endpointPattern,
	},
	logging + ".format": {description: "The protocol.", byDefault: contract.LogFormatForward, examples: []any{contract.LogFormatForward}},
	logging + ".servicename": {
		description: "The tag of the records.", byDefault: contract.DefaultServiceName, examples: []any{"akvvm_service"},
	},
}
