package contract

import (
	"slices"
	"strings"
)

// checkVaultHost checks that a host is a vault under one of the allowed suffixes.
func (v *validator) checkVaultHost(host string) string {
	if host == "" {
		return "the host is missing: write " + exampleURL("<name>")
	}
	name, suffix, _ := strings.Cut(strings.ToLower(host), ".")
	known := false
	for _, s := range v.suffixes {
		if strings.EqualFold(host, s) {
			return "the vault name is missing before " + s
		}
		known = known || suffix == s
	}
	if !known {
		return v.unknownHost(name, suffix)
	}
	if !isVaultName(name) {
		return "a vault name has 3 to 24 letters, digits and single hyphens, begins with a letter and ends with a letter or digit"
	}
	return ""
}

func isVaultName(s string) bool {
	return len(s) >= 3 && len(s) <= 24 && vaultNamePattern.MatchString(s)
}

// unknownHost returns the error for a host that is not under an allowed suffix.
func (v *validator) unknownHost(name, suffix string) string {
	public := withoutPrivateLink(suffix)
	switch {
	case name == privateLink:
		return "the vault name is missing before " + name + "." + suffix
	case slices.Contains(hsmSuffixes, public):
		return "is a managed HSM, which has keys but no certificates: use a certificate of a vault, " + exampleURL("<name>")
	case public != suffix && isVaultName(name) && slices.Contains(slices.Concat(v.suffixes, DefaultVaultSuffixes()), public):
		return "the host is the name of a private endpoint: write " + name + "." + public +
			", which resolves to the private endpoint where there is one"
	}
	reason := "the host is not <vault>." + strings.Join(v.suffixes, " or <vault>.") +
		": tokens are only sent to allowed vaults (" + v.allowing() + ")"
	if near := v.nearestSuffix(suffix); near != "" {
		reason += "; did you mean " + name + "." + near + "?"
	}
	return reason
}

// allowing says where vaults are allowed.
func (v *validator) allowing() string {
	if v.mode != Pod {
		return "variable " + EnvAllowedVaults
	}
	return "chart value sidecar.allowedVaults"
}

// hsmSuffixes are the DNS suffixes of managed HSMs, which store neither secrets nor certificates.
//
// Source:
// https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#dns-suffixes-for-object-identifiers
var hsmSuffixes = []string{"managedhsm.azure.net", "managedhsm.azure.cn", "managedhsm.usgovcloudapi.net"}

const privateLink = "privatelink"

// withoutPrivateLink returns the public suffix for that of a private endpoint, such as
// privatelink.vaultcore.azure.net. It returns any other suffix unchanged.
//
// Source:
// https://learn.microsoft.com/azure/private-link/private-endpoint-dns
func withoutPrivateLink(suffix string) string {
	labels := slices.DeleteFunc(strings.Split(suffix, "."), func(label string) bool { return label == privateLink })
	if len(labels) > 0 && labels[0] == "vaultcore" {
		labels[0] = "vault"
	}
	return strings.Join(labels, ".")
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
