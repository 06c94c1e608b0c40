package contract

import (
	"cmp"
	"net/url"
	"regexp"
	"strings"
)

// otherForm returns an error for a text that stands for a secret in another way than by its URL,
// with the URL to write instead where it is known. It returns "" for any other text.
func (v *validator) otherForm(text string) string {
	lower := strings.ToLower(text)
	what := ""
	switch {
	case strings.HasPrefix(text, "[") && !strings.Contains(text, `"`):
		return placeholderReason(text)
	case strings.HasPrefix(lower, "@microsoft.keyvault("):
		what = "a Key Vault reference of Azure App Service"
	case isPortal(lower):
		what = "the address of a page in the Azure portal"
	case resourceIDPattern.MatchString(text):
		what = "the resource ID"
	case isSecretName(text):
		return "is only a name: write the URL of the secret, " + exampleURL(text)
	case strings.Contains(text, `"`), strings.HasPrefix(text, "'"):
		return "contains quotation marks: write the URL without them, and without brackets"
	default:
		return placeholderReason(text)
	}
	if strings.Contains(lower, "/managedhsms/") {
		return "is " + what + " of a managed HSM, which has keys but no certificates: use a certificate of a vault, " + exampleURL("<name>")
	}
	return "is " + what + ": write the URL of the secret, " + cmp.Or(v.secretIn(text), exampleURL("<name>"))
}

// exampleURL returns the form of a secret's URL.
func exampleURL(name string) string {
	return "https://<vault>." + DefaultVaultSuffixes()[0] + "/secrets/" + name
}

// isPortal reports whether a text in lower case is a URL of the Azure portal, of any cloud.
func isPortal(text string) bool {
	host := strings.TrimPrefix(text, "https://")
	if i := strings.IndexAny(host, "/?#"); i >= 0 {
		host = host[:i]
	}
	return strings.Contains("."+host, ".portal.azure.")
}

// resourceIDPattern matches the part of an Azure resource ID that names a vault, and a secret, key
// or certificate in it. Versions are a separate level in the resource IDs of Terraform.
//
// Source:
// https://learn.microsoft.com/azure/templates/microsoft.keyvault/vaults/secrets
var resourceIDPattern = regexp.MustCompile(
	`(?i)Microsoft\.KeyVault/(?:vaults|managedHSMs)/([^/?#]+)(?:/(?:secrets|certificates|keys)(?:/([^/?#]+)(?:/(?:versions/)?([^/?#]+))?)?)?`)

// secretIn returns the URL of the secret that a text identifies, or "" if it does not identify one.
func (v *validator) secretIn(text string) string {
	if decoded, err := url.PathUnescape(text); err == nil {
		text = decoded // the portal escapes URLs in its own
	}
	if id, ok := referencedSecret(text); ok {
		return v.writable(id, text)
	}
	if m := resourceIDPattern.FindStringSubmatch(text); m != nil {
		return v.writable(secretID{m[1], m[2], m[3]}, text)
	}
	i := strings.LastIndex(strings.ToLower(text), "https://")
	if i < 0 {
		return ""
	}
	// If this is the URL of a certificate, id is its secret, and only the reason says what it was.
	id, _ := v.parseSecretURL(strings.TrimRight(text[i:], ")"))
	if id.name == "" {
		return ""
	}
	return id.url()
}

// referencedSecret reads VaultName=<vault>;SecretName=<name>;SecretVersion=<version>. The host of
// the result is only the name of the vault.
//
// Source:
// https://learn.microsoft.com/azure/app-service/app-service-key-vault-references#source-app-settings-from-key-vault
func referencedSecret(text string) (id secretID, ok bool) {
	_, arguments, _ := strings.Cut(text, "(")
	for argument := range strings.SplitSeq(strings.TrimRight(arguments, ")"), ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(argument), "=")
		switch strings.ToLower(key) {
		case "vaultname":
			id.host, ok = value, true
		case "secretname":
			id.name = value
		case "secretversion":
			id.version = value
		}
	}
	return id, ok
}

// writable completes an ID whose host is only the name of the vault, and returns its URL, with
// <name> if the name is unknown. It returns "" if the vault is not valid. The cloud is that of the
// page or API in the text, or else that of the first allowed suffix.
func (v *validator) writable(id secretID, text string) string {
	suffix := DefaultVaultSuffixes()[0]
	if len(v.suffixes) > 0 {
		suffix = v.suffixes[0]
	}
	switch lower := strings.ToLower(text); {
	case strings.Contains(lower, "portal.azure.us"), strings.Contains(lower, "usgovcloudapi.net"):
		suffix = "vault.usgovcloudapi.net"
	case strings.Contains(lower, "portal.azure.cn"), strings.Contains(lower, "chinacloudapi.cn"):
		suffix = "vault.azure.cn"
	}
	if !isVaultName(id.host) {
		return ""
	}
	id.host += "." + suffix
	if !isSecretName(id.name) {
		id.name, id.version = "<name>", ""
	}
	if !isVersion(id.version) {
		id.version = ""
	}
	return id.url()
}
