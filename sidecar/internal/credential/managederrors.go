package credential

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/azhttp"
)

// ManagedIdentityError is returned if the machine's metadata service, or Azure Arc's agent, does
// not return a token.
//
// Source:
// https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling
type ManagedIdentityError struct {
	Identity Identity
	// Host is the host that responded, or empty if the response is not valid. On a machine with
	// Azure Arc's agent, it is the agent's, on loopback.
	Host string
	// Status is the status code of the response, or 0 if the response is not valid.
	Status int
	// Name is OAuth's error, such as "invalid_request".
	Name string

	description string
	where       contract.Mode
}

func (e *ManagedIdentityError) Error() string {
	service, remedy := "the machine's metadata service", e.remedy()
	if e.isArc() {
		service, remedy = "Azure Arc's agent", e.arcRemedy()
	}
	var b strings.Builder
	b.WriteString(service + " did not return a token")
	if e.Status != 0 {
		fmt.Fprintf(&b, " (status %d%s)", e.Status, strings.TrimRight(" "+e.Name, " "))
	}
	b.WriteString(": " + remedy)
	if e.description != "" {
		fmt.Fprintf(&b, " (the service's message: %s)", e.description)
	}
	return b.String()
}

// FailureReason implements certsync's behaviour of errors.
func (*ManagedIdentityError) FailureReason() string { return contract.ReasonNoToken }

func (e *ManagedIdentityError) isArc() bool { return e.Host != "" && e.Host != azhttp.MetadataHost }

const (
	foreignService = "the service at " + azhttp.MetadataHost + " is not Azure's, or something in between responds in its place: " +
		"it issues tokens only on Azure virtual machines with a managed identity"
	invalidResponse = "the response is not valid: check msiEndpoint, and whether a proxy responds in its place"
)

// remedy is for the instance metadata service.
func (e *ManagedIdentityError) remedy() string {
	switch {
	case e.Name == "invalid_resource":
		return "the vault must belong to the cloud of the machine"
	case e.Status == http.StatusBadRequest && e.Identity.ClientID != "":
		return fmt.Sprintf("assign the managed identity %s to this virtual machine or scale set, or correct msiClientId or the "+
			"entry's clientId", e.Identity.ClientID)
	case e.Status == http.StatusBadRequest:
		return "the machine has no identity, or several user-assigned ones: enable its system-assigned identity, or select one with " +
			"msiClientId (" + e.where.Text("AZURE_CLIENT_ID and azure.workload.identity/client-id have", "AZURE_CLIENT_ID has") + " no effect here)"
	case e.Status == http.StatusForbidden:
		return "the request was blocked on the way: " + e.where.Text("in a pod, check that the cluster allows pods to reach the metadata service",
			"check the firewall rules of this machine for "+azhttp.MetadataHost)
	case e.Status == http.StatusUnauthorized:
		return foreignService
	case e.Status == http.StatusNotFound:
		return foreignService + "; Azure's service also returns this for a short time while it is updated, and the request is retried"
	case e.Status == http.StatusGone, e.Status >= http.StatusInternalServerError:
		return "the service has an internal problem or is being updated: the request is retried"
	default:
		return invalidResponse
	}
}

func (e *ManagedIdentityError) arcRemedy() string {
	switch {
	case e.Name == "invalid_resource":
		return "the vault must belong to the cloud that the machine is connected to"
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden:
		return "the agent requires a key file: add this user to the group himds, which can read /var/opt/azcmagent/tokens"
	case e.Status == http.StatusBadRequest:
		return "check that the machine is connected to Azure Arc (azcmagent show), which gives it its only identity"
	case e.Status == http.StatusNotFound:
		return "check msiEndpoint, and that the agent is current (azcmagent show)"
	case e.Status >= http.StatusInternalServerError:
		return "check that the machine is connected to Azure Arc (azcmagent show); the request is retried"
	default:
		return invalidResponse
	}
}

// explainManaged converts the last response without a token into an error.
func explainManaged(last failure, id Identity, where contract.Mode) error {
	if last.resp == nil {
		return &ManagedIdentityError{Identity: id, where: where}
	}
	if throttled := azhttp.Throttled(last.resp); throttled != nil {
		return throttled
	}
	var content struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	_ = json.Unmarshal(last.body, &content) // if it fails, the status is enough
	return &ManagedIdentityError{
		Identity: id, Host: last.host, Status: last.resp.StatusCode, Name: azhttp.CleanText(content.Error), description: problemText(content.Description),
		where: where,
	}
}
