package credential

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// Federation describes how the pod proves its identity.
type Federation struct {
	// TokenFile contains the service-account token. azidentity reads it again after ten minutes,
	// when it requests a token. The file is also read again if Entra ID reports that the token has
	// expired.
	TokenFile string
	// AuthorityHost is Entra ID's URL. If it is empty, it is that of the public cloud.
	AuthorityHost string
}

// NewWorkloadIdentity returns a Credential. It returns a *ConfigError if the client ID, the tenant
// ID or the token file is missing or invalid.
func NewWorkloadIdentity(id Identity, f Federation, options azcore.ClientOptions) (*Credential, error) {
	if err := checkFederated(id, f); err != nil {
		return nil, err
	}
	if f.AuthorityHost != "" {
		options.Cloud = cloud.Configuration{ActiveDirectoryAuthorityHost: f.AuthorityHost}
	}
	tokens := &federated{identity: id, options: azidentity.WorkloadIdentityCredentialOptions{
		ClientOptions: options,
		ClientID:      id.ClientID,
		TenantID:      id.TenantID,
		TokenFilePath: f.TokenFile,
		// Instance discovery asks the public cloud whether the authority belongs to Microsoft.
		// Here, the cluster's administrator configures the authority, not the pod. Discovery would
		// cost a round trip, and it would fail for a private cloud.
		DisableInstanceDiscovery: true,
		// For AKS identity bindings. It has no effect without their variables.
		EnableAzureProxy: true,
	}}
	if _, err := tokens.reset(); err != nil {
		return nil, err
	}
	return &Credential{identity: id, tokens: tokens}, nil
}

func checkFederated(id Identity, f Federation) error {
	switch {
	case id.ClientID == "":
		return &ConfigError{
			Problem: "no client ID",
			Remedy: "annotate the pod's service account with azure.workload.identity/client-id: <client ID of " +
				"the managed identity or application>, then recreate the pod",
		}
	case id.TenantID == "":
		return &ConfigError{
			Problem: "no tenant ID",
			Remedy: "annotate the pod's service account with azure.workload.identity/tenant-id, or set the " +
				"webhook's default tenant, then recreate the pod",
		}
	case f.TokenFile == "":
		return &ConfigError{
			Problem: "no service-account token file (AZURE_FEDERATED_TOKEN_FILE)",
			Remedy:  "let the webhook inject the sidecar, so that the token is mounted",
		}
	}
	return nil
}

// federated is azidentity's credential with the errors of this package.
type federated struct {
	identity Identity
	options  azidentity.WorkloadIdentityCredentialOptions

	mu      sync.Mutex
	current *azidentity.WorkloadIdentityCredential
}

// reset replaces azidentity's credential by a new one, which has not cached the token file or an
// access token.
func (f *federated) reset() (*azidentity.WorkloadIdentityCredential, error) {
	fresh, err := azidentity.NewWorkloadIdentityCredential(&f.options)
	if err != nil {
		return nil, &ConfigError{Problem: err.Error(), Remedy: "correct the AZURE_* variables of the container"}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.current = fresh
	return fresh, nil
}

// GetToken implements azcore.TokenCredential.
func (f *federated) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	f.mu.Lock()
	current := f.current
	f.mu.Unlock()
	token, err := f.getToken(ctx, current, o)
	if refused, ok := errors.AsType[*EntraError](err); ok && refused.fileIsNewer() {
		fresh, err := f.reset()
		if err != nil {
			return azcore.AccessToken{}, err
		}
		return f.getToken(ctx, fresh, o)
	}
	return token, err
}

func (f *federated) getToken(ctx context.Context, source azcore.TokenCredential, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := source.GetToken(ctx, o)
	if err == nil {
		return token, nil
	}
	if failed, ok := errors.AsType[*azidentity.AuthenticationFailedError](err); ok {
		return azcore.AccessToken{}, explainFederated(failed, f.identity, f.options.TokenFilePath)
	}
	return azcore.AccessToken{}, &InvalidResponseError{}
}

// fileIsNewer reports that Entra ID refused the service-account token as expired, but the token in
// the file has not expired: the kubelet renewed it after azidentity read it. This happens after the
// machine was suspended or its clock was changed.
func (e *EntraError) fileIsNewer() bool {
	return e.Code == expiredAssertion && e.Token != nil && e.Token.Expires.After(time.Now())
}

// explainFederated converts azidentity's error into one of this package. It does not use
// azidentity's text, which contains the whole response.
func explainFederated(failed *azidentity.AuthenticationFailedError, id Identity, tokenFile string) error {
	if failed.RawResponse == nil {
		if err := checkTokenFile(tokenFile); err != nil {
			return err
		}
		return &InvalidResponseError{}
	}
	return explainResponse(failed.RawResponse, id, tokenFile)
}

func checkTokenFile(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return &TokenFileError{Path: path, Err: err}
	}
	if len(content) == 0 {
		return &TokenFileError{Path: path}
	}
	return nil
}
