// Package imds gives the apps of a pod tokens over HTTP: as Azure's instance metadata service does, for apps that know
// nothing newer, and as Azure App Service does, for SDKs that are led to an endpoint of its kind by IDENTITY_ENDPOINT and
// IDENTITY_HEADER.
//
// It guarantees that a token is given only for a request as those services want it, which neither a browser nor a server
// that was made to fetch a URL sends: with their header, not forwarded, and to an address of the pod's own; that
// tokens are those of the pod's federated identity, or of another client ID that trusts the same service account; and
// that what goes wrong comes back as an error in the form and with the status that their SDKs know.
// It keeps no token (credentials do), never puts one into a log, an error or a header, and knows nothing else of the
// metadata service: there is no virtual machine to tell of.
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

// Config is what an Endpoint is made of.
type Config struct {
	// ClientID is the pod's own, for requests that name none.
	ClientID string
	// Header is what App Service's clients send in X-IDENTITY-HEADER; empty: there is no endpoint of its form.
	Header string
	// Credential makes the credential of a client ID. Its error is one of package credential.
	Credential func(clientID string) (azcore.TokenCredential, error)
	Log        *slog.Logger
}

// Endpoint is an http.Handler. Make it with New. It must not be reachable from outside of the pod.
type Endpoint struct {
	config Config

	mu sync.Mutex
	// credentials are those that were asked for, by client ID in lower case.
	credentials map[string]azcore.TokenCredential
}

// maxIdentities bounds the credentials that are kept: a pod has one identity, or a few.
const maxIdentities = 16

// New returns an Endpoint.
func New(c Config) *Endpoint {
	return &Endpoint{config: c, credentials: map[string]azcore.TokenCredential{}}
}

// ServeHTTP answers a request for a token.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	asked, refused := e.parse(r)
	if refused != nil {
		e.refuse(w, asked, refused)
		return
	}
	token, err := e.token(r.Context(), asked)
	if err != nil {
		e.refuse(w, asked, explain(err))
		return
	}
	e.config.Log.Debug("token given", "form", asked.form.name(), "resource", asked.resource, "clientID", asked.clientID)
	send(w, http.StatusOK, asked.form.grant(asked, token))
}

// token gets a token, from the credential's cache or from Entra ID.
func (e *Endpoint) token(ctx context.Context, asked request) (azcore.AccessToken, error) {
	c, err := e.credential(asked.clientID)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	return c.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{asked.resource + defaultScope}})
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

func (e *Endpoint) refuse(w http.ResponseWriter, asked request, why *refusal) {
	e.config.Log.Warn("token refused", "form", asked.form.name(), "resource", asked.resource, "clientID", asked.clientID,
		"status", why.status, "reason", why.text)
	why.setHeader(w.Header())
	send(w, why.status, asked.form.refusal(why))
}
