package imds

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/azhttp"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/credential"
)

type accessToken = azcore.AccessToken

// metadataToken is the response of the metadata service. All values are strings; times are in
// seconds.
type metadataToken struct {
	AccessToken  string `json:"access_token"`
	ClientID     string `json:"client_id"`
	ExpiresIn    string `json:"expires_in"`
	ExpiresOn    string `json:"expires_on"`
	ExtExpiresIn string `json:"ext_expires_in"`
	NotBefore    string `json:"not_before"`
	Resource     string `json:"resource"`
	TokenType    string `json:"token_type"`
}

func (metadataProtocol) tokenBody(req request, t accessToken) any {
	now := time.Now()
	expiresIn := strconv.FormatInt(int64(t.ExpiresOn.Sub(now)/time.Second), 10)
	return metadataToken{
		AccessToken: t.Token, ClientID: req.clientID, Resource: req.resource, TokenType: "Bearer",
		ExpiresIn: expiresIn, ExtExpiresIn: expiresIn, ExpiresOn: unixSeconds(t.ExpiresOn),
		NotBefore: unixSeconds(now), // the token may be older, but it is valid now
	}
}

// appServiceToken is the response of App Service.
type appServiceToken struct {
	AccessToken string `json:"access_token"`
	ClientID    string `json:"client_id"`
	ExpiresOn   string `json:"expires_on"`
	Resource    string `json:"resource"`
	TokenType   string `json:"token_type"`
}

func (appServiceProtocol) tokenBody(req request, t accessToken) any {
	return appServiceToken{
		AccessToken: t.Token, ClientID: req.clientID, ExpiresOn: unixSeconds(t.ExpiresOn), Resource: req.resource, TokenType: "Bearer",
	}
}

func unixSeconds(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

func (metadataProtocol) errorBody(reason *refusal) any {
	return struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{reason.code, reason.text}
}

func (appServiceProtocol) errorBody(reason *refusal) any {
	return struct {
		StatusCode int    `json:"statusCode"`
		Message    string `json:"message"`
	}{reason.status, reason.text}
}

// refusal is the reason why a request gets no token. Its text is for people and never contains a
// token.
type refusal struct {
	status int
	code   string // a code of OAuth or of the metadata service
	text   string

	retryAfter time.Duration
	allow      string
}

// badRequest is the code for requests that the caller must change.
const badRequest = "invalid_request"

func refuse(text string) *refusal {
	return &refusal{status: http.StatusBadRequest, code: badRequest, text: text}
}

// explain converts an error of package credential into a refusal. If the client should retry, the
// status is 429 or 5xx, since the SDKs retry after those.
//
// Source:
// https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling
func explain(err error) *refusal {
	var (
		entra       *credential.EntraError
		config      *credential.ConfigError
		throttled   *azhttp.ThrottledError
		unreachable *azhttp.UnreachableError
	)
	switch {
	case errors.As(err, &entra):
		reason := refuse(err.Error())
		if entra.Name != "" {
			reason.code = entra.Name
		}
		if entra.Status >= http.StatusInternalServerError {
			reason.status = http.StatusServiceUnavailable
		}
		return reason
	case errors.As(err, &config):
		return refuse(err.Error())
	case errors.As(err, &throttled):
		return &refusal{status: http.StatusTooManyRequests, code: "temporarily_unavailable", text: err.Error(), retryAfter: throttled.Wait}
	case errors.As(err, &unreachable):
		return &refusal{status: http.StatusServiceUnavailable, code: "temporarily_unavailable", text: err.Error()}
	}
	return &refusal{status: http.StatusInternalServerError, code: "server_error", text: err.Error()}
}

func (r *refusal) setHeader(h http.Header) {
	if r.allow != "" {
		h.Set("Allow", r.allow)
	}
	if r.retryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((r.retryAfter+time.Second-1)/time.Second), 10))
	}
}

// writeJSON writes a response that must not be cached.
func writeJSON(w http.ResponseWriter, status int, body any) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false) // errors are easier to read
	if err := e.Encode(body); err != nil {
		panic(err) // impossible: only strings and numbers
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(text.Bytes()) // the caller may be gone
}
