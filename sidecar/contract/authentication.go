package contract

import (
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

// credentials are the values of authenticationSettings.credential.
var credentials = []string{CredentialWorkloadIdentity, CredentialManagedIdentity}

// DefaultMSIEndpoint is the managed identity endpoint of the instance metadata service.
//
// Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
const DefaultMSIEndpoint = "http://169.254.169.254/metadata/identity"

const msiPath = "/metadata/identity"

// authentication gives the extension's identity settings the meaning that their author had in mind: in a
// pod, the identity of the pod and never that of the node, unless the credential asks for that.
func (v *validator) authentication() {
	a := v.settings.Authentication
	v.config.Credential = v.credential(a.Credential)
	if a.MSIClientID != "" {
		v.clientID = a.MSIClientID
		v.checkClientID(pathAuthentication+".msiClientId", a.MSIClientID)
	}
	switch {
	case v.config.Credential == CredentialManagedIdentity:
		v.config.MSIEndpoint = DefaultMSIEndpoint
		if a.MSIEndpoint != "" {
			v.config.MSIEndpoint = v.msiEndpoint(a.MSIEndpoint)
		}
	case a.MSIEndpoint != "":
		v.warn(pathAuthentication+".msiEndpoint", "ignored: the credential is %s; %s would use it", CredentialWorkloadIdentity, CredentialManagedIdentity)
	}
}

func (v *validator) credential(text string) string {
	switch text {
	case CredentialWorkloadIdentity, CredentialManagedIdentity:
		return text
	case "":
		if v.mode == Host {
			return CredentialManagedIdentity
		}
		return CredentialWorkloadIdentity
	default:
		v.fail(pathAuthentication+".credential", text, "%s", oneOf(text, credentials))
		return ""
	}
}

// msiEndpoint checks http://<host>/metadata/identity[/oauth2/token], where the host is that of the
// instance metadata service, or loopback, where Azure Arc's agent listens. It returns it without the
// optional part. Elsewhere anybody could hand out tokens.
func (v *validator) msiEndpoint(text string) string {
	at := pathAuthentication + ".msiEndpoint"
	if reason := notFilledIn(text); reason != "" {
		v.fail(at, text, "%s", reason)
		return ""
	}
	u, reason := parseURL(text)
	if reason == "" {
		reason = checkMSIEndpoint(text, u)
	}
	if reason != "" {
		v.fail(at, shownURL(text), "%s", reason)
		return ""
	}
	if !loopback(u.Hostname()) {
		return DefaultMSIEndpoint
	}
	return "http://" + u.Host + msiPath
}

func checkMSIEndpoint(text string, u *url.URL) string {
	imds := u.Host == "169.254.169.254" || u.Host == "169.254.169.254:80"
	p := strings.TrimSuffix(strings.TrimSuffix(u.EscapedPath(), "/"), "/oauth2/token")
	if u.Scheme != "http" || u.User != nil || strings.ContainsAny(text, "?#") || p != msiPath ||
		!imds && (!loopback(u.Hostname()) || !validPort(u.Port())) {
		return "expected " + DefaultMSIEndpoint + ", or for Azure Arc http://localhost:40342/metadata/identity"
	}
	return ""
}

// loopback tells whether a host is the machine, or pod, itself.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

var (
	guidPattern   = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	tenantPattern = regexp.MustCompile(`^[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*$`)
)

// IsGUID tells whether s has the form of a client or tenant ID, such as
// 00001111-aaaa-2222-bbbb-3333cccc4444.
func IsGUID(s string) bool { return guidPattern.MatchString(s) }

// checkClientID warns only about what is no GUID: Entra ID has the last word.
func (v *validator) checkClientID(path, id string) {
	if reason := notFilledIn(id); reason != "" {
		v.fail(path, id, "%s", reason)
	} else if !IsGUID(id) {
		v.warn(path, "%s is no GUID, as the client ID of an application or managed identity is", quote(id))
	}
}

// TenantNoGUID follows a tenant that is named otherwise: the sidecar sends tokens of one tenant only, and compares
// what a vault's challenge names with it.
const TenantNoGUID = "is no GUID: a vault asks for a token of its tenant's GUID, and no name is taken for that"

// checkTenantID takes a GUID or one of the tenant's domain names, which Entra ID takes too. It becomes a part of a URL.
func (v *validator) checkTenantID(path, id string) {
	if reason := notFilledIn(id); reason != "" {
		v.fail(path, id, "%s", reason)
	} else if !tenantPattern.MatchString(id) {
		v.fail(path, id, "a tenant is named by its GUID or one of its domain names")
	} else if !IsGUID(id) {
		v.warn(path, "%s %s", quote(id), TenantNoGUID)
	}
}
