package credential

import (
	"context"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// metadataVariables make azidentity use an endpoint other than the instance metadata service.
var metadataVariables = []string{
	"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT", "IMDS_ENDPOINT", "MSI_ENDPOINT", "MSI_SECRET",
}

// SelectEndpoint sets the endpoint, in the format of contract.Config, from which this process gets
// the tokens of managed identities: the instance metadata service or, on loopback, Azure Arc's
// agent. azidentity reads the endpoint only from environment variables. Call SelectEndpoint once,
// before NewManagedIdentity, and do not set these variables elsewhere.
func SelectEndpoint(endpoint string) error {
	for _, name := range metadataVariables {
		if err := os.Unsetenv(name); err != nil {
			return err
		}
	}
	if endpoint == contract.DefaultMSIEndpoint {
		return nil
	}
	return errors.Join(
		os.Setenv("IDENTITY_ENDPOINT", endpoint+"/oauth2/token"),
		os.Setenv("IMDS_ENDPOINT", strings.TrimSuffix(endpoint, "/metadata/identity")),
	)
}

// NewManagedIdentity returns a Credential for the managed identity of the machine with the client
// ID or, if that is empty, for the machine's only or system-assigned identity. It returns a
// *ConfigError if the endpoint does not support that. where selects the texts of errors.
func NewManagedIdentity(clientID string, where contract.Mode, options azcore.ClientOptions) (*Credential, error) {
	id := Identity{ClientID: clientID}
	options.PerRetryPolicies = slices.Concat(options.PerRetryPolicies, []policy.Policy{failureRecorder{}})
	managed := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: options}
	if clientID != "" {
		managed.ID = azidentity.ClientID(clientID)
	}
	tokens, err := azidentity.NewManagedIdentityCredential(managed)
	if err != nil {
		return nil, &ConfigError{Problem: err.Error(), Remedy: "correct msiClientId or msiEndpoint of authenticationSettings"}
	}
	return &Credential{identity: id, tokens: managedCredential{tokens, id, where}}, nil
}

// failureRecorder is a policy that records responses without a token. azidentity does not return
// some of them, and puts the whole text of others into its errors.
type failureRecorder struct{}

type failureKey struct{}

// failure is the last such response.
type failure struct {
	resp *http.Response
	body []byte
	host string // of the request
}

// Do implements policy.Policy.
func (failureRecorder) Do(req *policy.Request) (*http.Response, error) {
	resp, err := req.Next()
	last, ok := req.Raw().Context().Value(failureKey{}).(*failure)
	if err != nil || !ok || resp.StatusCode == http.StatusOK {
		return resp, err
	}
	body, err := runtime.Payload(resp)
	if err != nil {
		return nil, err
	}
	last.resp, last.body, last.host = resp, body, req.Raw().URL.Host
	return resp, nil
}

// managedCredential is the credential of a managed identity. Its errors are *ManagedIdentityError,
// *azhttp.ThrottledError, or those of the transport.
type managedCredential struct {
	azcore.TokenCredential
	id    Identity
	where contract.Mode
}

// GetToken implements azcore.TokenCredential.
func (c managedCredential) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	var last failure
	o.TenantID = "" // the identity has one tenant, which the machine knows
	token, err := c.TokenCredential.GetToken(context.WithValue(ctx, failureKey{}, &last), o)
	if err != nil {
		return azcore.AccessToken{}, explainManaged(last, c.id, c.where)
	}
	return token, nil
}
