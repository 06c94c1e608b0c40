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

// metadataGrant is the metadata service's answer: every value is a string, times are seconds.
type metadataGrant struct {
	AccessToken  string `json:"access_token"`
	ClientID     string `json:"client_id"`
	ExpiresIn    string `json:"expires_in"`
	ExpiresOn    string `json:"expires_on"`
	ExtExpiresIn string `json:"ext_expires_in"`
	NotBefore    string `json:"not_before"`
	Resource     string `json:"resource"`
	TokenType    string `json:"token_type"`
}

func (metadataForm) grant(asked request, t accessToken) any {
	now := time.Now()
	left := strconv.FormatInt(int64(t.ExpiresOn.Sub(now)/time.Second), 10)
	return metadataGrant{
		AccessToken: t.Token, ClientID: asked.clientID, Resource: asked.resource, TokenType: "Bearer",
		ExpiresIn: left, ExtExpiresIn: left, ExpiresOn: seconds(t.ExpiresOn),
		NotBefore: seconds(now), // the token may be older, and is valid now
	}
}

// appServiceGrant is App Service's.
type appServiceGrant struct {
	AccessToken string `json:"access_token"`
	ClientID    string `json:"client_id"`
	ExpiresOn   string `json:"expires_on"`
	Resource    string `json:"resource"`
	TokenType   string `json:"token_type"`
}

func (appServiceForm) grant(asked request, t accessToken) any {
	return appServiceGrant{
		AccessToken: t.Token, ClientID: asked.clientID, ExpiresOn: seconds(t.ExpiresOn), Resource: asked.resource, TokenType: "Bearer",
	}
}

func seconds(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

func (metadataForm) refusal(why *refusal) any {
	return struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{why.code, why.text}
}

func (appServiceForm) refusal(why *refusal) any {
	return struct {
		StatusCode int    `json:"statusCode"`
		Message    string `json:"message"`
	}{why.status, why.text}
}

// refusal is why there is no token. Its text is for people; there is no token in it.
type refusal struct {
	status int
	code   string // OAuth's, or the metadata service's
	text   string

	retryAfter time.Duration
	allow      string
}

// badRequest is the code of what the caller has to change.
const badRequest = "invalid_request"

func refuse(text string) *refusal {
	return &refusal{status: http.StatusBadRequest, code: badRequest, text: text}
}

// explain makes a refusal of an error of package credential. What clients had better try again is a 429 or 5xx, by which
// the SDKs do.
//
// Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling
func explain(err error) *refusal {
	var (
		entra       *credential.EntraError
		config      *credential.ConfigError
		throttled   *azhttp.ThrottledError
		unreachable *azhttp.UnreachableError
	)
	switch {
	case errors.As(err, &entra):
		why := refuse(err.Error())
		if entra.Name != "" {
			why.code = entra.Name
		}
		if entra.Status >= http.StatusInternalServerError {
			why.status = http.StatusServiceUnavailable
		}
		return why
	case errors.As(err, &config):
		return refuse(err.Error())
	case errors.As(err, &throttled):
		return &refusal{status: http.StatusTooManyRequests, code: "temporarily_unavailable", text: err.Error(), retryAfter: throttled.Wait}
	case errors.As(err, &unreachable):
		return &refusal{status: http.StatusServiceUnavailable, code: "temporarily_unavailable", text: err.Error()}
	}
	return &refusal{status: http.StatusInternalServerError, code: "server_error", text: err.Error()}
}

func (why *refusal) setHeader(h http.Header) {
	if why.allow != "" {
		h.Set("Allow", why.allow)
	}
	if why.retryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((why.retryAfter+time.Second-1)/time.Second), 10))
	}
}

// send writes an answer that nobody on the way may keep.
func send(w http.ResponseWriter, status int, body any) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false) // people read errors
	if err := e.Encode(body); err != nil {
		panic(err) // strings and numbers only
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(text.Bytes()) // the caller may be gone
}
