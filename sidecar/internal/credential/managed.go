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

// metadataVariables steer azidentity to another endpoint than the instance metadata service's.
var metadataVariables = []string{
	"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT", "IMDS_ENDPOINT", "MSI_ENDPOINT", "MSI_SECRET",
}

// SelectEndpoint makes this process get the tokens of managed identities from an endpoint, as contract.Config
// has it: the instance metadata service's, or on loopback that of Azure Arc's agent. azidentity reads that
// from variables only, so it is called once, before NewManagedIdentity, and nothing else is to set them.
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

// NewManagedIdentity returns a Credential for a managed identity of the machine: that of a client ID, or
// with an empty one the machine's own. A *ConfigError comes back where the machine cannot have it.
func NewManagedIdentity(clientID string, options azcore.ClientOptions) (*Credential, error) {
	id := Identity{ClientID: clientID}
	options.PerRetryPolicies = slices.Concat(options.PerRetryPolicies, []policy.Policy{refusals{}})
	managed := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: options}
	if clientID != "" {
		managed.ID = azidentity.ClientID(clientID)
	}
	tokens, err := azidentity.NewManagedIdentityCredential(managed)
	if err != nil {
		return nil, &ConfigError{Problem: err.Error(), Do: "correct msiClientId or msiEndpoint of authenticationSettings"}
	}
	return &Credential{identity: id, tokens: refusable{tokens, id}}, nil
}

// refusals is a policy that notes answers that are no token. azidentity keeps some of them to itself, and
// puts the whole text of others into its errors.
type refusals struct{}

type refusalKey struct{}

// refusal is the last such answer.
type refusal struct {
	resp *http.Response
	body []byte
}

// Do implements policy.Policy.
func (refusals) Do(req *policy.Request) (*http.Response, error) {
	resp, err := req.Next()
	noted, ok := req.Raw().Context().Value(refusalKey{}).(*refusal)
	if err != nil || !ok || resp.StatusCode == http.StatusOK {
		return resp, err
	}
	body, err := runtime.Payload(resp)
	if err != nil {
		return nil, err
	}
	noted.resp, noted.body = resp, body
	return resp, nil
}

// refusable is a managed identity's credential whose errors are *ManagedIdentityError, *azhttp.ThrottledError, or those
// of the transport.
type refusable struct {
	azcore.TokenCredential
	id Identity
}

// GetToken implements azcore.TokenCredential.
func (r refusable) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	var noted refusal
	o.TenantID = "" // the identity has one tenant, and the machine knows it
	token, err := r.TokenCredential.GetToken(context.WithValue(ctx, refusalKey{}, &noted), o)
	if err != nil {
		return azcore.AccessToken{}, explainManaged(noted, r.id)
	}
	return token, nil
}
