package credential

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/smallfile"
)

// Federation describes how the pod proves its identity.
type Federation struct {
	// TokenFile contains the service-account token. azidentity reads it again after ten minutes,
	// when it requests a token. The file is also read again if Entra ID refuses a token that is not
	// in the file any more.
	TokenFile string
	// AuthorityHost is Entra ID's URL. If it is empty, it is that of the public cloud.
	AuthorityHost string
	// Where selects the texts of errors.
	Where contract.Mode
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
	tokens := &federated{identity: id, where: f.Where, options: azidentity.WorkloadIdentityCredentialOptions{
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
	if err := tokens.reset(); err != nil {
		return nil, err
	}
	return &Credential{identity: id, tokens: tokens}, nil
}

func checkFederated(id Identity, f Federation) error {
	switch {
	case id.ClientID == "":
		return &ConfigError{
			Problem: "no client ID",
			Remedy: f.Where.Text("annotate the pod's service account with azure.workload.identity/client-id: <client ID of "+
				"the managed identity or application>, then recreate the pod", "set clientId of the entry, or AZURE_CLIENT_ID"),
		}
	case id.TenantID == "":
		return &ConfigError{
			Problem: "no tenant ID",
			Remedy: f.Where.Text("annotate the pod's service account with azure.workload.identity/tenant-id, or set the "+
				"webhook's default tenant, then recreate the pod", "set tenantId of the entry, or AZURE_TENANT_ID"),
		}
	case f.TokenFile == "":
		return &ConfigError{
			Problem: "no " + f.Where.Text("service-account token", "token") + " file (AZURE_FEDERATED_TOKEN_FILE)",
			Remedy: f.Where.Text("let the webhook inject the sidecar, so that the token is mounted",
				"set it to a file with a token that the application trusts, or use the credential managed-identity"),
		}
	}
	return nil
}

// federated is azidentity's credential with the errors of this package.
type federated struct {
	identity Identity
	where    contract.Mode
	options  azidentity.WorkloadIdentityCredentialOptions

	mu      sync.Mutex
	current *azidentity.WorkloadIdentityCredential
	// first is the digest of the token file when current was first used, and nil before that.
	// azidentity has read the file then or later.
	first *[sha256.Size]byte
}

// reset replaces azidentity's credential by a new one, which has not cached the token file or an
// access token.
func (f *federated) reset() error {
	fresh, err := azidentity.NewWorkloadIdentityCredential(&f.options)
	if err != nil {
		return &ConfigError{Problem: err.Error(), Remedy: "correct the AZURE_* variables" + f.where.Text(" of the container", "")}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.current, f.first = fresh, nil
	return nil
}

// GetToken implements azcore.TokenCredential.
func (f *federated) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	content, err := f.readTokenFile()
	if unreadable(err) {
		return azcore.AccessToken{}, err
	}
	token, err := f.getToken(ctx, f.use(content), o)
	if _, refused := errors.AsType[*EntraError](err); !refused {
		return token, err
	}
	if content = f.replacement(); content == nil {
		return token, err
	}
	if err := f.reset(); err != nil {
		return azcore.AccessToken{}, err
	}
	return f.getToken(ctx, f.use(content), o)
}

// use returns azidentity's credential, and notes what it reads first, given the file's content. The
// content is nil if there is no file.
func (f *federated) use(content []byte) *azidentity.WorkloadIdentityCredential {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.first == nil && content != nil {
		digest := sha256.Sum256(content)
		f.first = &digest
	}
	return f.current
}

// replacement returns the file's token if it may be another than the one that azidentity has read,
// and otherwise nil. It is another if the token was wrong and somebody has corrected it, and after
// the machine was suspended or its clock was changed, when the kubelet has renewed the token.
func (f *federated) replacement() []byte {
	content, err := f.readTokenFile()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil || f.first != nil && *f.first == sha256.Sum256(content) {
		return nil
	}
	return content
}

func (f *federated) getToken(ctx context.Context, source azcore.TokenCredential, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := source.GetToken(ctx, o)
	if err == nil {
		return token, nil
	}
	if failed, ok := errors.AsType[*azidentity.AuthenticationFailedError](err); ok {
		return azcore.AccessToken{}, f.explain(failed)
	}
	return azcore.AccessToken{}, &InvalidResponseError{}
}

// explain converts azidentity's error into one of this package. It does not use
// azidentity's text, which contains the whole response.
func (f *federated) explain(failed *azidentity.AuthenticationFailedError) error {
	if failed.RawResponse == nil {
		if _, err := f.readTokenFile(); err != nil {
			return err
		}
		return &InvalidResponseError{}
	}
	return explainResponse(failed.RawResponse, f.identity, f.options.TokenFilePath, f.where)
}

// readTokenFile returns the content of the token file, or a *TokenFileError if it cannot be used.
func (f *federated) readTokenFile() ([]byte, error) {
	path := f.options.TokenFilePath
	content, err := readTokenFile(path)
	if err != nil {
		return nil, &TokenFileError{Path: path, Err: err, Where: f.where}
	}
	if len(content) == 0 {
		return nil, &TokenFileError{Path: path, Where: f.where}
	}
	return content, nil
}

// readTokenFile returns the content of the token file without the white space around it.
func readTokenFile(path string) ([]byte, error) {
	content, err := smallfile.Read(path, smallfile.MaxSecret)
	return bytes.TrimSpace(content), err
}

// unreadable reports that azidentity must not read a token file, given the error of reading it.
// azidentity would wait for a FIFO, read a file of any size, and use an empty token for ten
// minutes. If the file is missing or denied, azidentity fails at once, or needs no file because it
// has an access token.
func unreadable(err error) bool {
	e, ok := errors.AsType[*TokenFileError](err)
	return ok && (e.Err == nil || errors.Is(e.Err, smallfile.ErrUnfit))
}
