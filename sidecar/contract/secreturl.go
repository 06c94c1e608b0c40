package contract

import (
	"regexp"
	"strings"
)

// The rules of Key Vault for names.
//
// Sources:
// https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftkeyvault
// and
// https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#object-identifiers
var (
	vaultNamePattern  = regexp.MustCompile(`^[A-Za-z](-?[A-Za-z0-9])+$`)
	secretNamePattern = regexp.MustCompile(`^[0-9A-Za-z-]+$`)
	versionPattern    = regexp.MustCompile(`^[0-9A-Za-z]+$`)
)

// maxNameLength is the longest name of a secret, and the longest version. It is not part of the
// patterns, since {1,127} makes a program that is a hundred times as large, and every process
// compiles it when it starts.
const maxNameLength = 127

func isSecretName(s string) bool { return len(s) <= maxNameLength && secretNamePattern.MatchString(s) }

func isVersionName(s string) bool { return len(s) <= maxNameLength && versionPattern.MatchString(s) }

// DefaultVaultSuffixes returns the DNS suffixes of Key Vault in the public cloud, in China and in
// the US government cloud.
//
// Source:
// https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#dns-suffixes-for-object-identifiers
func DefaultVaultSuffixes() []string {
	return []string{"vault.azure.net", "vault.azure.cn", "vault.usgovcloudapi.net"}
}

// vaultSuffixes returns the suffixes in lower case without a leading "*." or ".".
func vaultSuffixes(allowed []string) []string {
	if allowed == nil {
		return DefaultVaultSuffixes()
	}
	var list []string
	for _, s := range allowed {
		s = strings.ToLower(strings.TrimSpace(s))
		if s = strings.TrimPrefix(strings.TrimPrefix(s, "*"), "."); s != "" {
			list = append(list, s)
		}
	}
	return list
}

// secretURL checks the URL of a secret and sets the fields of c that depend on it.
func (v *validator) secretURL(path, text string, c *Certificate) {
	trimmed := strings.TrimSpace(text)
	reason := v.otherForm(trimmed)
	var id secretID
	if reason == "" {
		id, reason = v.parseSecretURL(trimmed)
	}
	if reason != "" {
		v.fail(path, redactURL(text), "%s", reason)
		return
	}
	c.URL, c.VaultURL = id.url(), "https://"+strings.ToLower(id.host)
	c.VaultName, _, _ = strings.Cut(id.host, ".")
	c.Name, c.Version = id.name, id.version
	if c.Version != "" {
		v.warn(path, "is pinned to version %s, which never renews: remove the version to follow the newest", c.Version)
	}
}

// secretID identifies a secret. Host is spelled as in the settings.
type secretID struct{ host, name, version string }

// url returns the canonical URL of the secret.
func (id secretID) url() string {
	u := "https://" + strings.ToLower(id.host) + "/secrets/" + id.name
	if id.version != "" {
		u += "/" + id.version
	}
	return u
}

// parseSecretURL checks https://<vault>.<suffix>/secrets/<name>[/<version>]. Port 443, repeated
// slashes, and a dot at the end of the host do not change the meaning of a URL and are ignored. The
// sidecar sends a token to this URL, so everything else is refused, not corrected.
func (v *validator) parseSecretURL(text string) (id secretID, reason string) {
	if !strings.Contains(text, "://") {
		return id, v.missingScheme(text)
	}
	u, reason := parseURL(text)
	switch {
	case reason != "":
		return id, reason
	case u.Scheme != "https":
		return id, "must begin with https://, because an access token is sent with the request"
	case u.User != nil:
		return id, "must not contain a user name or password"
	case u.Port() != "" && u.Port() != "443":
		return id, "must not contain port " + u.Port() + ": Key Vault listens on 443"
	}
	id.host = strings.TrimSuffix(u.Hostname(), ".")
	if reason = v.checkVaultHost(id.host); reason != "" {
		return id, reason
	}
	reason = id.setPath(strings.FieldsFunc(u.EscapedPath(), func(r rune) bool { return r == '/' }))
	if reason == "" && strings.ContainsAny(text, "?#") {
		reason = "must not contain a query or fragment: write " + id.url()
	}
	return id, reason
}

func (v *validator) missingScheme(text string) string {
	if text == "" {
		return "expected a Key Vault secret URL, as in https://myvault.vault.azure.net/secrets/mycertificate"
	}
	id, reason := v.parseSecretURL("https://" + strings.TrimLeft(strings.TrimPrefix(text, "https:"), "/"))
	switch {
	case reason == "":
		return "must begin with https://: write " + id.url()
	case v.checkVaultHost(id.host) == "":
		return reason // with the whole URL to write
	}
	return "must begin with https://"
}

// setPath sets name and version from the parts of the path /secrets/<name>[/<version>].
func (id *secretID) setPath(parts []string) string {
	const missingName = "is the URL of a vault, not of a secret: write https://"
	host := strings.ToLower(id.host)
	if len(parts) == 0 {
		return missingName + host + "/secrets/<name>"
	}
	collection, rest := strings.ToLower(parts[0]), parts[1:]
	switch {
	case len(rest) > 2, collection != "secrets" && collection != "certificates" && collection != "keys":
		return "the path must be /secrets/<name> or /secrets/<name>/<version>"
	case len(rest) == 0:
		return missingName + host + "/secrets/<name>"
	case !isSecretName(rest[0]):
		return "a secret name has 1 to 127 letters, digits and hyphens"
	case len(rest) == 2 && !isVersion(rest[1]):
		return "a version has only letters and digits and is not a suffix of the store's files"
	}
	id.name, id.version = rest[0], strings.Join(rest[1:], "")
	if collection != "secrets" {
		return "use " + id.url() + ": the secret of the same name contains the private key"
	}
	return ""
}

func isVersion(s string) bool {
	return isVersionName(s) && !isSuffix(s)
}
