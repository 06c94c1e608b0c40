package contract

import "regexp"

var (
	guidPattern   = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	tenantPattern = regexp.MustCompile(`^[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*$`)
)

// IsGUID reports whether s has the form of a client or tenant ID, such as
// 00001111-aaaa-2222-bbbb-3333cccc4444, in upper or lower case.
func IsGUID(s string) bool { return guidPattern.MatchString(s) }

// checkClientID only warns about an ID that is not a GUID: Entra ID decides which IDs it accepts.
func (v *validator) checkClientID(path, id string) {
	if reason := placeholderReason(id); reason != "" {
		v.fail(path, id, "%s", reason)
	} else if !IsGUID(id) {
		v.warn(path, "%s is not a GUID: the client ID of an application or managed identity is a GUID", quote(id))
	}
}

// TenantNotGUID completes a warning that begins with a tenant ID. The sidecar sends a token to a
// vault only if the tenant in the vault's challenge equals the configured one.
const TenantNotGUID = "is not a GUID: Key Vault identifies the tenant by GUID, so a domain name never matches"

// checkTenantID accepts a GUID or a domain name of the tenant, as Entra ID does. The ID becomes
// part of a URL, so other characters are refused.
func (v *validator) checkTenantID(path, id string) {
	if reason := placeholderReason(id); reason != "" {
		v.fail(path, id, "%s", reason)
	} else if !tenantPattern.MatchString(id) {
		v.fail(path, id, "expected the GUID or a domain name of the tenant")
	} else if !IsGUID(id) {
		v.warn(path, "%s %s", quote(id), TenantNotGUID)
	}
}
