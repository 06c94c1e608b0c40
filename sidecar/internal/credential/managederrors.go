package credential

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/azhttp"
)

// ManagedIdentityError says that the machine's metadata service gave no token.
//
// Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling
type ManagedIdentityError struct {
	Identity Identity
	// Status is the answer's status code; 0 where there was an answer, but no use in it.
	Status int
	// Name is OAuth's error, such as "invalid_request".
	Name string

	description string
}

func (e *ManagedIdentityError) Error() string {
	var b strings.Builder
	b.WriteString("the machine's metadata service gives no token")
	if e.Status != 0 {
		fmt.Fprintf(&b, " (status %d%s)", e.Status, strings.TrimRight(" "+e.Name, " "))
	}
	b.WriteString(": " + e.advice())
	if e.description != "" {
		fmt.Fprintf(&b, " (it says: %s)", e.description)
	}
	return b.String()
}

func (e *ManagedIdentityError) advice() string {
	switch {
	case e.Status == http.StatusBadRequest && e.Identity.ClientID != "":
		return fmt.Sprintf("assign the managed identity %s to this virtual machine or scale set, or correct msiClientId or the "+
			"entry's clientId", e.Identity.ClientID)
	case e.Status == http.StatusBadRequest:
		return "the machine has no identity of its own, or several others: enable its system-assigned identity, or name one by " +
			"msiClientId (AZURE_CLIENT_ID and azure.workload.identity/client-id do not count)"
	case e.Status == http.StatusUnauthorized:
		return "Azure Arc's agent wants a key file to be read: let this user be one of the group himds, which may read /var/opt/azcmagent/tokens"
	case e.Status == http.StatusForbidden:
		return "something in between refuses: in a pod, check that the cluster lets pods reach the metadata service"
	case e.Status == http.StatusNotFound, e.Status == http.StatusGone, e.Status >= http.StatusInternalServerError:
		return "it has a problem of its own, or is being updated: it is tried again"
	default:
		return "the answer cannot be understood: check msiEndpoint, and whether a proxy answers in its place"
	}
}

// explainManaged turns the last answer that was no token into an error.
func explainManaged(last refusal, id Identity) error {
	if last.resp == nil {
		return &ManagedIdentityError{Identity: id}
	}
	if throttled := azhttp.Throttled(last.resp); throttled != nil {
		return throttled
	}
	var answer struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	_ = json.Unmarshal(last.body, &answer) // without it the status says enough
	return &ManagedIdentityError{
		Identity: id, Status: last.resp.StatusCode, Name: clean(answer.Error), description: firstSentence(answer.Description),
	}
}
