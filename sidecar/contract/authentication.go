package contract

import (
	"fmt"
	"net/url"
	"strings"
)

// credentials are the values of authenticationSettings.credential.
var credentials = []string{CredentialWorkloadIdentity, CredentialManagedIdentity}

const msiPath = "/metadata/identity"

// DefaultMSIEndpoint is the managed identity endpoint of the instance metadata service.
//
// Source:
// https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
const DefaultMSIEndpoint = "http://" + MetadataAddress + msiPath

// authentication checks authenticationSettings. In a pod they mean the identity of the pod, not
// that of the node as for the extension, unless the credential is managed-identity.
func (v *validator) authentication() {
	a := v.settings.Authentication
	v.config.Credential = v.credential(a.Credential)
	if a.MSIClientID != "" {
		v.clientID = a.MSIClientID
		v.checkClientID(PathAuthentication+".msiClientId", a.MSIClientID)
	}
	switch {
	case v.config.Credential == CredentialManagedIdentity:
		v.config.MSIEndpoint = DefaultMSIEndpoint
		if a.MSIEndpoint != "" {
			v.config.MSIEndpoint = v.msiEndpoint(a.MSIEndpoint)
		}
	case a.MSIEndpoint != "":
		v.warn(PathAuthentication+".msiEndpoint", "ignored because the credential is %s; only %s uses it",
			CredentialWorkloadIdentity, CredentialManagedIdentity)
	}
}

func (v *validator) credential(text string) string {
	switch text {
	case CredentialWorkloadIdentity, CredentialManagedIdentity:
		return text
	case "":
		if v.mode != Pod {
			return CredentialManagedIdentity
		}
		return CredentialWorkloadIdentity
	default:
		v.fail(PathAuthentication+".credential", text, "%s", oneOf(text, credentials))
		return ""
	}
}

// msiEndpoint checks http://<host>/metadata/identity[/oauth2/token] and returns it without the
// optional part. The host is that of the instance metadata service, or a loopback address, where
// the agent of Azure Arc listens. No other host is trusted to issue tokens.
func (v *validator) msiEndpoint(text string) string {
	at := PathAuthentication + ".msiEndpoint"
	if reason := placeholderReason(text); reason != "" {
		v.fail(at, text, "%s", reason)
		return ""
	}
	u, reason := parseURL(text)
	if reason == "" {
		reason = checkMSIEndpoint(text, u)
	}
	if reason != "" {
		v.fail(at, redactURL(text), "%s", reason)
		return ""
	}
	if !loopback(u.Hostname()) {
		return DefaultMSIEndpoint
	}
	return "http://" + strings.ToLower(u.Host) + msiPath
}

func checkMSIEndpoint(text string, u *url.URL) string {
	imds := u.Host == MetadataAddress || u.Host == fmt.Sprintf("%s:%d", MetadataAddress, MetadataPort)
	// The service ignores the case of its paths.
	p := strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(singleSlashes(u.EscapedPath())), "/"), "/oauth2/token")
	if u.Scheme != "http" || u.User != nil || strings.ContainsAny(text, "?#") || p != msiPath ||
		!imds && (!loopback(u.Hostname()) || !validPort(u.Port())) {
		return "expected " + DefaultMSIEndpoint + ", or for Azure Arc http://localhost:40342" + msiPath
	}
	return ""
}
