package contract

import (
	"errors"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Key Vault's own rules for names.
//
// Sources: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftkeyvault
// and https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#object-identifiers
var (
	vaultNamePattern  = regexp.MustCompile(`^[A-Za-z](-?[A-Za-z0-9])+$`)
	secretNamePattern = regexp.MustCompile(`^[0-9A-Za-z-]{1,127}$`)
	versionPattern    = regexp.MustCompile(`^[0-9A-Za-z]{1,127}$`)
)

// vaultSuffixes returns the DNS suffixes to compare with: in lower case, without "*." or "." in front.
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

// secretURL checks https://<vault>.<suffix>/secrets/<name>[/<version>] and fills the fields of c that
// follow from it. A token is sent there, so nothing is guessed: what is not exactly of that form is refused.
func (v *validator) secretURL(path, text string, c *Certificate) {
	if reason := notFilledIn(text); reason != "" {
		v.fail(path, text, "%s", reason)
		return
	}
	u, reason := parseURL(text)
	if reason == "" {
		reason = v.checkVaultURL(text, u)
	}
	if reason != "" {
		v.fail(path, shownURL(text), "%s", reason)
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
		v.warn(path, "is pinned to version %s, which never renews: leave the version out to follow the newest", c.Version)
	}
}

// checkVaultURL checks all of a secret's URL but its path.
func (v *validator) checkVaultURL(text string, u *url.URL) string {
	switch {
	case text == "":
		return "a Key Vault secret URL is needed, as in https://myvault.vault.azure.net/secrets/mycertificate"
	case u.Scheme == "":
		return "a URL begins with https://"
	case u.Scheme != "https":
		return "only https is allowed: an access token is sent with the request"
	case u.User != nil:
		return "a user name or password is not allowed in it"
	case strings.ContainsAny(text, "?#"):
		return "a query or fragment is not allowed in it"
	case strings.Contains(u.Host, ":") && !strings.HasPrefix(u.Host, "["): // an IPv6 address is no vault, see below
		return "a port is not allowed in it: Key Vault listens on 443"
	}
	return v.checkVaultHost(u.Host)
}

func (v *validator) checkVaultHost(host string) string {
	name, suffix, _ := strings.Cut(host, ".")
	known := false
	for _, s := range v.suffixes {
		if strings.EqualFold(host, s) {
			return "the name of the vault is missing before " + s
		}
		known = known || strings.EqualFold(suffix, s)
	}
	if !known {
		reason := "the host is not <vault>." + strings.Join(v.suffixes, " or <vault>.") +
			": tokens are sent to allowed vaults only"
		if near := v.nearestSuffix(suffix); near != "" {
			reason += "; did you mean " + name + "." + near + "?"
		}
		return reason
	}
	if len(name) < 3 || len(name) > 24 || !vaultNamePattern.MatchString(name) {
		return "the name of a vault has 3 to 24 letters, digits and single hyphens, begins with a letter and ends with a letter or digit"
	}
	return ""
}

// nearestSuffix returns the allowed suffix that was probably meant. A wrong top-level domain stands for
// the first one, which is the public cloud's by default: vault.azure.com is nearer to .cn than to .net.
func (v *validator) nearestSuffix(suffix string) string {
	beginning := func(s string) string { return s[:strings.LastIndexByte(s, '.')+1] }
	for _, s := range v.suffixes {
		if b := beginning(s); b != "" && strings.EqualFold(b, beginning(suffix)) {
			return s
		}
	}
	return Nearest(suffix, v.suffixes)
}

// secretPath splits /secrets/<name>[/<version>]; one slash at the end is tolerated.
func secretPath(host, path string) (name, version, reason string) {
	parts := strings.Split(strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/"), "/")
	collection := parts[0]
	switch {
	case strings.EqualFold(collection, "certificates"), strings.EqualFold(collection, "keys"),
		collection != "secrets" && strings.EqualFold(collection, "secrets"):
		parts[0] = "secrets"
		return "", "", "use https://" + host + "/" + strings.Join(parts, "/") + ": the private key is in the secret of that name"
	case collection != "secrets" || len(parts) < 2 || len(parts) > 3:
		return "", "", "the path is /secrets/<name> or /secrets/<name>/<version>"
	case !secretNamePattern.MatchString(parts[1]):
		return "", "", "the name of a secret has 1 to 127 letters, digits and hyphens"
	case len(parts) == 2:
		return parts[1], "", ""
	case !versionPattern.MatchString(parts[2]), slices.Contains(slices.Collect(maps.Values(suffixes)), "."+parts[2]):
		return "", "", "a version has letters and digits only, and is not the suffix of a keystore's file"
	}
	return parts[1], parts[2], ""
}

// parseURL is url.Parse, with the reason alone where it fails: its error repeats the URL, password included.
func parseURL(text string) (*url.URL, string) {
	u, err := url.Parse(text)
	if err == nil {
		return u, ""
	}
	var e *url.Error
	if errors.As(err, &e) {
		err = e.Err
	}
	return nil, "is no URL: " + err.Error()
}

// shownURL is a URL without what may be a credential in it: user information, query and fragment.
func shownURL(text string) string {
	if i := strings.IndexAny(text, "?#"); i >= 0 {
		text = text[:i]
	}
	if i := strings.LastIndexByte(text, '@'); i >= 0 {
		scheme, _, found := strings.Cut(text[:i], "//")
		if !found {
			scheme = ""
		}
		return scheme + "//..." + text[i:]
	}
	return text
}

// notFilledIn recognises what documents and templates have in place of a value.
func notFilledIn(text string) string {
	switch {
	case strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]"):
		return "is an ARM template expression, which is not evaluated here: put its value in its place"
	case strings.ContainsAny(text, "<>"):
		return "has a placeholder: put the value in place of <...>"
	case strings.ContainsAny(text, "xX") && strings.Trim(text, "xX-") == "":
		return "is a placeholder: put the value in its place"
	}
	return ""
}
