package contract

import (
	"net/url"
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
	secretNamePattern = regexp.MustCompile(`^[0-9A-Za-z-]{1,127}$`)
	versionPattern    = regexp.MustCompile(`^[0-9A-Za-z]{1,127}$`)
)

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

// secretURL checks https://<vault>.<suffix>/secrets/<name>[/<version>] and sets the fields of c
// that depend on it. The sidecar sends a token to this URL, so any other form is refused, not
// corrected.
func (v *validator) secretURL(path, text string, c *Certificate) {
	if reason := placeholderReason(text); reason != "" {
		v.fail(path, text, "%s", reason)
		return
	}
	u, reason := parseURL(text)
	if reason == "" {
		reason = v.checkVaultURL(text, u)
	}
	if reason != "" {
		v.fail(path, redactURL(text), "%s", reason)
		return
	}
	host := strings.ToLower(u.Host)
	c.URL, c.VaultURL = text, "https://"+host
	c.VaultName, _, _ = strings.Cut(u.Host, ".")
	c.Name, c.Version, reason = secretPath(host, u.EscapedPath())
	if reason != "" {
		v.fail(path, text, "%s", reason)
		return
	}
	if c.Version != "" {
		v.warn(path, "is pinned to version %s, which never renews: remove the version to follow the newest", c.Version)
	}
}

// checkVaultURL checks the URL of a secret except its path.
func (v *validator) checkVaultURL(text string, u *url.URL) string {
	switch {
	case text == "":
		return "expected a Key Vault secret URL, as in https://myvault.vault.azure.net/secrets/mycertificate"
	case u.Scheme == "":
		return "must begin with https://"
	case u.Scheme != "https":
		return "must begin with https://, because an access token is sent with the request"
	case u.User != nil:
		return "must not contain a user name or password"
	case strings.ContainsAny(text, "?#"):
		return "must not contain a query or fragment"
	case strings.Contains(u.Host, ":") && !strings.HasPrefix(u.Host, "["): // checkVaultHost refuses IPv6 addresses
		return "must not contain a port: Key Vault listens on 443"
	}
	return v.checkVaultHost(u.Host)
}

func (v *validator) checkVaultHost(host string) string {
	name, suffix, _ := strings.Cut(host, ".")
	known := false
	for _, s := range v.suffixes {
		if strings.EqualFold(host, s) {
			return "the vault name is missing before " + s
		}
		known = known || strings.EqualFold(suffix, s)
	}
	if !known {
		reason := "the host is not <vault>." + strings.Join(v.suffixes, " or <vault>.") +
			": tokens are only sent to allowed vaults"
		if near := v.nearestSuffix(suffix); near != "" {
			reason += "; did you mean " + name + "." + near + "?"
		}
		return reason
	}
	if len(name) < 3 || len(name) > 24 || !vaultNamePattern.MatchString(name) {
		return "a vault name has 3 to 24 letters, digits and single hyphens, begins with a letter and ends with a letter or digit"
	}
	return ""
}

// nearestSuffix returns the allowed suffix that suffix probably means, or "". If only the top-level
// domain differs, it is the first such suffix: by edits, vault.azure.com would be nearer to .cn
// than to .net, the public cloud.
func (v *validator) nearestSuffix(suffix string) string {
	withoutTLD := func(s string) string { return s[:strings.LastIndexByte(s, '.')+1] }
	for _, s := range v.suffixes {
		if w := withoutTLD(s); w != "" && strings.EqualFold(w, withoutTLD(suffix)) {
			return s
		}
	}
	return Nearest(suffix, v.suffixes)
}

// secretPath splits /secrets/<name>[/<version>]. It accepts one slash at the end.
func secretPath(host, path string) (name, version, reason string) {
	parts := strings.Split(strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/"), "/")
	collection := parts[0]
	switch {
	case strings.EqualFold(collection, "certificates"), strings.EqualFold(collection, "keys"),
		collection != "secrets" && strings.EqualFold(collection, "secrets"):
		parts[0] = "secrets"
		return "", "", "use https://" + host + "/" + strings.Join(parts, "/") + ": the secret of the same name contains the private key"
	case collection != "secrets" || len(parts) < 2 || len(parts) > 3:
		return "", "", "the path must be /secrets/<name> or /secrets/<name>/<version>"
	case !secretNamePattern.MatchString(parts[1]):
		return "", "", "a secret name has 1 to 127 letters, digits and hyphens"
	case len(parts) == 2:
		return parts[1], "", ""
	case !versionPattern.MatchString(parts[2]), isSuffix(parts[2]):
		return "", "", "a version has only letters and digits and is not a suffix of the store's files"
	}
	return parts[1], parts[2], ""
}
