// Package imds serves access tokens to the apps of a pod over HTTP. It implements two protocols:
// that of Azure's instance metadata service, for apps that support nothing newer, and that of Azure
// App Service, for SDKs that find the endpoint by IDENTITY_ENDPOINT and IDENTITY_HEADER.
//
// It guarantees that:
//   - a token is returned only for a request that has the protocol's header, is not forwarded, and
//     is addressed to the pod. Neither a browser nor a server that was tricked into fetching a URL
//     sends such a request;
//   - a token is one of the pod's federated identity, or of another client ID that trusts the same
//     service account;
//   - a failure is an error in the format and with the status that the SDKs expect.
//
// It never stores a token, which is the credential's task. It never puts one into a log, an error
// or a header. It never serves anything else of the metadata service.
package imds

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// Config is the configuration of an Endpoint.
type Config struct {
	// ClientID is the pod's client ID, for requests without one.
	ClientID string
	// Header is the value of X-IDENTITY-HEADER that clients of App Service's protocol must send. If
	// it is empty, that protocol is not served.
	Header string
	// Credential creates the credential of a client ID. Its errors are those of package credential.
	Credential func(clientID string) (azcore.TokenCredential, error)
	Log        *slog.Logger
}

// Endpoint is an http.Handler that serves tokens. Create it with New. It must not be reachable from
// outside the pod.
type Endpoint struct {
	config Config

	mu sync.Mutex
	// credentials are those in use, by client ID in lower case.
	credentials map[string]azcore.TokenCredential
}

// maxIdentities limits the number of credentials. A pod has one identity, or a few.
const maxIdentities = 16

// New returns an Endpoint.
func New(c Config) *Endpoint {
	return &Endpoint{config: c, credentials: map[string]azcore.TokenCredential{}}
}

// ServeHTTP responds to a token request.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req, refused := e.parse(r)
	if refused != nil {
		e.refuse(w, req, refused)
		return
	}
	token, err := e.token(r.Context(), req)
	if err != nil {
		e.refuse(w, req, explain(err))
		return
	}
	e.config.Log.Debug("token issued", "form", req.protocol.name(), "resource", req.resource, "clientID", req.clientID)
	writeJSON(w, http.StatusOK, req.protocol.tokenBody(req, token))
}

// token returns a token from the credential's cache or from Entra ID.
func (e *Endpoint) token(ctx context.Context, req request) (azcore.AccessToken, error) {
	c, err := e.credential(req.clientID)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	return c.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{req.resource + defaultScope}})
}

func (e *Endpoint) credential(clientID string) (azcore.TokenCredential, error) {
	key := strings.ToLower(clientID)
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.credentials[key]; c != nil {
		return c, nil
	}
	c, err := e.config.Credential(clientID)
	if err != nil {
		return nil, err
	}
	if len(e.credentials) >= maxIdentities {
		clear(e.credentials)
	}
	e.credentials[key] = c
	return c, nil
}

func (e *Endpoint) refuse(w http.ResponseWriter, req request, reason *refusal) {
	e.config.Log.Warn("token refused", "form", req.protocol.name(), "resource", req.resource, "clientID", req.clientID,
		"status", reason.status, "reason", reason.text)
	reason.setHeader(w.Header())
	writeJSON(w, reason.status, req.protocol.errorBody(reason))
}
