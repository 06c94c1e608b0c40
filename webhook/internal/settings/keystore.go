package settings

import (
	"slices"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// KeystorePasswordFile is the path in the sidecar of the keystore password from a Secret. It is in
// the volume of the token.
const KeystorePasswordFile = contract.TokenMountPath + "/keystore-password"

// keystorePath is the path of the setting that the keystore-password-secret annotation overrides.
const keystorePath = management + "keystorePasswordFile"

// parseKeystoreSecret splits the keystore-password-secret annotation, "<name>[/<key>]". The default
// key is "password".
func parseKeystoreSecret(v Value) (name, key string, err *Error) {
	name, key, given := strings.Cut(v.Text, "/")
	if !given {
		key = "password"
	}
	if !isObjectName(name) {
		return "", "", v.Err("expected the name of a Secret in the pod's namespace, as <name> or <name>/<key>")
	}
	invalid := func(r rune) bool {
		return r != '-' && r != '_' && r != '.' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	}
	if key == "" || len(key) > 253 || key == "." || strings.HasPrefix(key, "..") || strings.ContainsFunc(key, invalid) {
		return "", "", v.Err(`expected a key of the Secret after the slash: letters, digits, "-", "_" and "."`)
	}
	return name, key, nil
}

// checkKeystore drops a Secret if no certificate has a keystore: a pod waits for a Secret that it
// mounts, and a Secret that a namespace or the chart sets for all pods is meant for those with a
// keystore.
func (r *Resolved) checkKeystore() {
	file := r.Config.KeystorePasswordFile
	switch {
	case file == "":
	case r.KeystoreSecret == "":
		r.Warnings = append(r.Warnings, "keystorePasswordFile "+file+" is not mounted into the sidecar: set the Secret in annotation "+
			contract.Prefix+contract.KeyKeystorePassword)
	case r.ConfigMap == "" && !slices.ContainsFunc(r.Config.Certificates, contract.Certificate.HasKeystore):
		r.KeystoreSecret, r.KeystoreKey = "", ""
		r.over.SecretsManagement.KeystorePasswordFile = ""
	}
}
