package credential

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/smallfile"
)

// Federation is how the pod proves who it is.
type Federation struct {
	// TokenFile holds the service-account token. azidentity reads it again every ten minutes where a token is asked for;
	// it is also read again when Entra ID says that the token has expired.
	TokenFile string
	// AuthorityHost is Entra ID's URL; the public cloud's when empty.
	AuthorityHost string
}

// NewWorkloadIdentity returns a Credential. A *ConfigError comes back where a client ID, a tenant ID or a
// token file is not given, or no use.
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
		// Instance discovery asks the public cloud whether the authority is one of Microsoft's. Ours is
		// configured by whoever runs the cluster, not by the pod; asking costs a round trip, and for a
		// cloud of one's own the answer would be no.
		DisableInstanceDiscovery: true,
		// For AKS identity bindings; without the variables of these it does nothing.
		EnableAzureProxy: true,
	}}
	if _, err := tokens.renew(); err != nil {
		return nil, err
	}
	return &Credential{identity: id, tokens: tokens}, nil
}

func checkFederated(id Identity, f Federation) error {
	switch {
	case id.ClientID == "":
		return &ConfigError{
			Problem: "no client ID",
			Do: "annotate the pod's service account with azure.workload.identity/client-id: <client ID of " +
				"the managed identity or application>, then create the pod anew",
		}
	case id.TenantID == "":
		return &ConfigError{
			Problem: "no tenant ID",
			Do: "annotate the pod's service account with azure.workload.identity/tenant-id, or set the " +
				"webhook's default tenant, then create the pod anew",
		}
	case f.TokenFile == "":
		return &ConfigError{
			Problem: "no service-account token file (AZURE_FEDERATED_TOKEN_FILE)",
			Do:      "let the webhook inject the sidecar, which mounts the token",
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

// renew begins with a credential that has read no token file yet, and no access token either.
func (f *federated) renew() (*azidentity.WorkloadIdentityCredential, error) {
	fresh, err := azidentity.NewWorkloadIdentityCredential(&f.options)
	if err != nil {
		return nil, &ConfigError{Problem: err.Error(), Do: "correct the AZURE_* variables of the container"}
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
	if err := checkTokenFile(f.options.TokenFilePath); unreadable(err) {
		return azcore.AccessToken{}, err
	}
	token, err := f.getToken(ctx, current, o)
	if refused, ok := errors.AsType[*EntraError](err); ok && refused.stale() {
		fresh, err := f.renew()
		if err != nil {
			return azcore.AccessToken{}, err
		}
		return f.getToken(ctx, fresh, o)
	}
	return token, err
}

func (f *federated) getToken(ctx context.Context, from azcore.TokenCredential, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := from.GetToken(ctx, o)
	if err == nil {
		return token, nil
	}
	if failed, ok := errors.AsType[*azidentity.AuthenticationFailedError](err); ok {
		return azcore.AccessToken{}, explainFederated(failed, f.identity, f.options.TokenFilePath)
	}
	return azcore.AccessToken{}, &UnreadableError{}
}

// stale says that Entra ID refused a service-account token as expired while the file has one that has not: the kubelet has
// renewed it since azidentity read it. That takes a machine that was suspended, or a clock that was set.
func (e *EntraError) stale() bool {
	return e.Code == expiredAssertion && e.Token != nil && e.Token.Expires.After(time.Now())
}

// explainFederated turns azidentity's error into one of this package's. Its text is not used: it has the
// whole answer in it.
func explainFederated(failed *azidentity.AuthenticationFailedError, id Identity, tokenFile string) error {
	if failed.RawResponse == nil {
		if err := checkTokenFile(tokenFile); err != nil {
			return err
		}
		return &UnreadableError{}
	}
	return explainAnswer(failed.RawResponse, id, tokenFile)
}

// checkTokenFile returns a *TokenFileError if the token file cannot be used.
func checkTokenFile(path string) error {
	content, err := readTokenFile(path)
	if err != nil {
		return &TokenFileError{Path: path, Err: err}
	}
	if len(content) == 0 {
		return &TokenFileError{Path: path}
	}
	return nil
}

// readTokenFile returns the content of the token file without the white space around it.
func readTokenFile(path string) ([]byte, error) {
	content, err := smallfile.Read(path, smallfile.MaxSecret)
	return bytes.TrimSpace(content), err
}

// unreadable reports that azidentity must not read a token file, given the error of checkTokenFile.
// azidentity would wait for a FIFO, read a file of any size, and use an empty token for ten
// minutes. If the file is missing or denied, azidentity fails at once, or needs no file because it
// has an access token.
func unreadable(err error) bool {
	e, ok := errors.AsType[*TokenFileError](err)
	return ok && (e.Err == nil || errors.Is(e.Err, smallfile.ErrUnfit))
}
