package keyvault

import (
	"fmt"
	"net/netip"
	"regexp"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// ForbiddenError is returned if the identity is not allowed to read the secret, or the vault's
// network settings do not allow the connection. A new role assignment takes up to ten minutes to
// take effect, so a retry can succeed.
type ForbiddenError struct {
	Ref Ref
	// ClientID is the identity that was refused.
	ClientID string
	// Code is Key Vault's inner error code, such as "ForbiddenByRbac", or the outer code if there
	// is no inner one.
	Code string
	// Client is the address that Key Vault saw, if it names one.
	Client netip.Addr

	message string
}

func (e *ForbiddenError) Error() string {
	if remedy := e.networkRemedy(); remedy != "" {
		return fmt.Sprintf("%s: Key Vault refuses the connection (403 %s): %s", e.Ref.URL(), e.Code, remedy)
	}
	return fmt.Sprintf("identity %s is not allowed to read %s (403 %s): %s", e.ClientID, e.Ref.URL(), e.Code, e.accessRemedy())
}

// FailureReason implements certsync's behaviour of errors.
func (*ForbiddenError) FailureReason() string { return contract.ReasonForbidden }

// networkRemedy returns "" if the refusal does not depend on the network.
func (e *ForbiddenError) networkRemedy() string {
	switch e.Code {
	case "ForbiddenByFirewall":
		return e.firewallRemedy()
	case "ForbiddenByConnection":
		return "public network access to the vault is disabled: connect through an approved private endpoint of the vault, " +
			"and check that the vault's name resolves to the address of that endpoint here (private DNS zone)"
	case "ForbiddenByNsp":
		return "the network security perimeter of the vault blocks the request: add an access rule for it there"
	}
	return ""
}

// firewallRemedy uses the address that Key Vault saw. It is private if the request came through a
// service endpoint.
func (e *ForbiddenError) firewallRemedy() string {
	switch {
	case !e.Client.IsValid():
		return "the vault's firewall blocks the outbound address: allow the address, or use a private endpoint"
	case e.Client.IsPrivate():
		return fmt.Sprintf("the vault's firewall blocks the address %s, which is in a virtual network with a service endpoint: "+
			"allow its subnet in the vault's firewall, or use a private endpoint", e.Client)
	default:
		return fmt.Sprintf("the vault's firewall blocks the address %s, from which the request comes: "+
			"allow it in the vault's firewall, or use a private endpoint", e.Client)
	}
}

func (e *ForbiddenError) accessRemedy() string {
	switch e.Code {
	case "ForbiddenByRbac":
		return `give it the role "Key Vault Secrets User" on the vault or the secret; a new assignment takes up to ten minutes to take effect`
	case "ForbiddenByPolicy", "AccessDenied":
		return `give it the secret permission "Get" in the vault's access policies, or the role "Key Vault Secrets User" ` +
			"if the vault uses Azure RBAC"
	default:
		return "check the vault's access configuration and networking" + quoted(e.message)
	}
}

// quoted returns Key Vault's message for the end of an error, or "".
func quoted(message string) string {
	if message == "" {
		return ""
	}
	return " (Key Vault's message: " + message + ")"
}

var clientAddress = regexp.MustCompile(`Client address: ([0-9a-fA-F.:]+)`)

// addressIn returns the address that a message names; the zero Addr if it names none.
func addressIn(message string) netip.Addr {
	m := clientAddress.FindStringSubmatch(message)
	if m == nil {
		return netip.Addr{}
	}
	address, _ := netip.ParseAddr(m[1]) // the zero Addr if it is invalid
	return address.Unmap()
}
