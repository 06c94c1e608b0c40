package azure_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
)

const vaultScope = "https://vault.azure.net/.default"

// entraFailure is Entra ID's error JSON.
type entraFailure struct {
	Error         string `json:"error"`
	Description   string `json:"error_description"`
	Codes         []int  `json:"error_codes"`
	TraceID       string `json:"trace_id"`
	CorrelationID string `json:"correlation_id"`
}

// The credential's error contains the code and the text of each refusal of an assertion, which say
// what to correct.
func TestAssertionRefused(t *testing.T) {
	other, err := azure.NewTokenIssuer(issuerURL)
	check(t, err)
	now := time.Now()
	cases := map[string]struct {
		prepare func(*fixture)
		client  string
		status  int
		code    int
		oauth   string
		text    string
	}{
		"issuer": {
			prepare: func(f *fixture) { f.assertion.Issuer = issuerURL + "/" },
			status:  401, code: 700211, oauth: "invalid_client", text: "assertion issuer 'https://cluster.example/'",
		},
		"audience": {
			prepare: func(f *fixture) { f.assertion.Audience = "api://Other" },
			status:  401, code: 700212, oauth: "invalid_client", text: "assertion audience 'api://Other'",
		},
		"subject": {
			prepare: func(f *fixture) { f.assertion.Subject = "system:serviceaccount:default:other" },
			status:  401, code: 700213, oauth: "invalid_client", text: "assertion subject 'system:serviceaccount:default:other'",
		},
		"subject's case": {
			prepare: func(f *fixture) { f.assertion.Subject = "system:serviceaccount:default:App" },
			status:  401, code: 7002138, oauth: "invalid_client", text: "not with case-sensitive comparison",
		},
		"expired": {
			prepare: func(f *fixture) {
				f.assertion.IssuedAt, f.assertion.Expiry = now.Add(-time.Hour), now.Add(-6*time.Minute)
			},
			status: 401, code: 700024, oauth: "invalid_client", text: "not within its valid time range",
		},
		"not valid yet": {
			prepare: func(f *fixture) { f.assertion.IssuedAt = now.Add(6 * time.Minute) },
			status:  401, code: 700024, oauth: "invalid_client", text: "not within its valid time range",
		},
		"lifetime": {
			prepare: func(f *fixture) { f.assertion.Expiry = now.Add(26 * time.Hour) },
			status:  400, code: 70023, oauth: "invalid_request", text: "lifetime of less than or equal to 1.01:00:00",
		},
		"signature": {
			prepare: func(f *fixture) { f.issuer = other },
			status:  401, code: 700027, oauth: "invalid_client", text: "failed signature validation",
		},
		"unreachable issuer": {
			prepare: func(f *fixture) {
				check(f.t, f.Apply(f.t.Context(), azure.Config{Issuers: []azure.Issuer{{URL: issuerURL}}}))
			},
			status: 400, code: 90061, oauth: "invalid_request", text: "External OIDC endpoint failed",
		},
		"unknown application": {
			client: "ffffffff-0000-0000-0000-000000000000",
			status: 400, code: 700016, oauth: "unauthorized_client", text: "Application with identifier 'ffffffff-",
		},
		"deleted application": {
			prepare: func(f *fixture) {
				check(f.t, f.Apply(f.t.Context(), azure.Config{Applications: []azure.Application{{ClientID: "another", Tenant: tenant}}}))
				check(f.t, f.DeleteApplication(f.t.Context(), clientID))
			},
			status: 400, code: 700016, oauth: "unauthorized_client", text: "was not found in the directory '" + tenant,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			if c.prepare != nil {
				c.prepare(f)
			}
			if c.client == "" {
				c.client = clientID
			}
			_, err := f.credential(c.client).GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{vaultScope}})
			var failed *azidentity.AuthenticationFailedError
			if !errors.As(err, &failed) || failed.RawResponse == nil {
				t.Fatalf("unexpected error %v", err)
			}
			expectEntraFailure(t, failed.RawResponse, c.status, c.code, c.oauth, c.text)
		})
	}
}

func expectEntraFailure(t *testing.T, resp *http.Response, status, code int, oauth, text string) {
	t.Helper()
	var got entraFailure
	check(t, json.NewDecoder(resp.Body).Decode(&got))
	if resp.StatusCode != status || len(got.Codes) != 1 || got.Codes[0] != code || got.Error != oauth {
		t.Errorf("status %d, %s %v; want %d, %s [%d]", resp.StatusCode, got.Error, got.Codes, status, oauth, code)
	}
	if !strings.HasPrefix(got.Description, "AADSTS") || !strings.Contains(got.Description, text) || strings.Contains(got.Description, "{") {
		t.Errorf("description %q does not contain %q, or has an unfilled placeholder", got.Description, text)
	}
	if got.TraceID == "" || got.CorrelationID == "" {
		t.Errorf("trace or correlation ID is missing: %+v", got)
	}
}

// Invalid token requests that the SDK never sends.
func TestTokenRequestRefused(t *testing.T) {
	f := newFixture(t)
	assertion, err := f.issuer.Sign(f.assertion)
	check(t, err)
	cases := map[string]struct {
		change func(url.Values)
		status int
		code   int
		oauth  string
		text   string
	}{
		"no grant type":      {func(v url.Values) { v.Del("grant_type") }, 400, 900144, "invalid_request", "'grant_type'"},
		"no client":          {func(v url.Values) { v.Del("client_id") }, 400, 900144, "invalid_request", "'client_id'"},
		"no scope":           {func(v url.Values) { v.Del("scope") }, 400, 900144, "invalid_request", "'scope'"},
		"other grant type":   {func(v url.Values) { v.Set("grant_type", "password2") }, 400, 70003, "unsupported_grant_type", "'password2'"},
		"scope not default":  {func(v url.Values) { v.Set("scope", "https://vault.azure.net/read") }, 400, 1002012, "invalid_scope", "/.default suffixed"},
		"only OpenID scopes": {func(v url.Values) { v.Set("scope", "openid profile") }, 400, 1002012, "invalid_scope", "/.default suffixed"},
		"two resources":      {func(v url.Values) { v.Set("scope", vaultScope+" https://graph.microsoft.com/.default") }, 400, 28000, "invalid_request", "more than one resource"},
		"unknown resource":   {func(v url.Values) { v.Set("scope", "https://nowhere.example/.default") }, 400, 500011, "invalid_resource", "named https://nowhere.example was not found"},
		"other cloud":        {func(v url.Values) { v.Set("scope", "https://vault.azure.cn/.default") }, 400, 500011, "invalid_resource", "https://vault.azure.cn"},
		"client secret":      {func(v url.Values) { v.Set("client_secret", "x") }, 401, 7000215, "invalid_client", "Invalid client secret"},
		"no assertion":       {func(v url.Values) { v.Del("client_assertion") }, 401, 7000216, "invalid_client", "'client_assertion'"},
		"assertion type":     {func(v url.Values) { v.Set("client_assertion_type", "saml") }, 401, 7000216, "invalid_client", "'client_assertion'"},
		"no JWT":             {func(v url.Values) { v.Set("client_assertion", "a.b.c") }, 401, 50027, "invalid_client", "malformed"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			form := url.Values{
				"grant_type": {"client_credentials"}, "client_id": {clientID}, "scope": {vaultScope + " openid offline_access profile"},
				"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion},
			}
			c.change(form)
			resp := f.post(t, tenant, form)
			expectEntraFailure(t, resp, c.status, c.code, c.oauth, c.text)
		})
	}
	t.Run("unknown tenant", func(t *testing.T) {
		expectEntraFailure(t, f.post(t, "nobody", url.Values{}), 400, 90002, "invalid_tenant", "Tenant 'nobody' not found")
	})
}

func (f *fixture) post(t *testing.T, tenant string, form url.Values) *http.Response {
	t.Helper()
	client := f.Client()
	t.Cleanup(client.CloseIdleConnections)
	resp, err := client.PostForm("https://login.microsoftonline.com/"+tenant+"/oauth2/v2.0/token", form)
	check(t, err)
	t.Cleanup(func() { check(t, resp.Body.Close()) })
	return resp
}

// An access token is a JWT that verifies with the published keys, and has the expected claims and
// lifetimes.
func TestAccessToken(t *testing.T) {
	f := newFixture(t)
	check(t, f.Apply(t.Context(), azure.Config{Tokens: &azure.Tokens{
		Lifetime: azure.Duration(30 * time.Minute), RefreshIn: azure.Duration(10 * time.Minute),
	}}))
	before := time.Now().Truncate(time.Second)
	got, err := f.credential(clientID).GetToken(t.Context(), policy.TokenRequestOptions{
		Scopes: []string{vaultScope}, EnableCAE: true, Claims: `{"access_token":{"nbf":{"essential":true}}}`,
	})
	check(t, err)
	if left := got.ExpiresOn.Sub(before); left < 30*time.Minute || left > 31*time.Minute {
		t.Errorf("expires in %v", left)
	}
	if early := got.RefreshOn.Sub(before); early < 10*time.Minute || early > 11*time.Minute {
		t.Errorf("refresh in %v", early)
	}

	client := f.Client()
	t.Cleanup(client.CloseIdleConnections)
	resp, err := client.Get("https://login.microsoftonline.com/" + tenant + "/discovery/v2.0/keys")
	check(t, err)
	data, err := io.ReadAll(resp.Body)
	check(t, errors.Join(err, resp.Body.Close()))
	var keys jose.JSONWebKeySet
	check(t, json.Unmarshal(data, &keys))
	token, err := jwt.ParseSigned(got.Token, []jose.SignatureAlgorithm{jose.RS256})
	check(t, err)
	var claims map[string]any
	check(t, token.Claims(keys, &claims))
	for name, want := range map[string]string{
		"aud": "https://vault.azure.net", "appid": clientID, "tid": tenant, "iss": "https://sts.windows.net/" + tenant + "/", "ver": "1.0",
	} {
		if claims[name] != want {
			t.Errorf("claim %s is %v, want %s", name, claims[name], want)
		}
	}
	if claims["oid"] == "" || claims["oid"] != claims["sub"] {
		t.Errorf("oid %v, sub %v", claims["oid"], claims["sub"])
	}
}

// The keys of an issuer are fetched from its URL, and fetched again for an unknown key.
func TestIssuerKeysFetched(t *testing.T) {
	f := newFixture(t)
	set := f.issuer.JWKS()
	server := newJWKSServer(t, &set)
	check(t, f.Apply(t.Context(), azure.Config{Issuers: []azure.Issuer{{URL: issuerURL, JWKSURL: server.URL, CAFile: server.caFile, TokenFile: server.tokenFile}}}))
	ask := policy.TokenRequestOptions{Scopes: []string{vaultScope}}
	for range 2 {
		_, err := f.credential(clientID).GetToken(t.Context(), ask)
		check(t, err)
	}
	if n := server.requests.Load(); n != 1 {
		t.Errorf("%d fetches for two tokens with the same key", n)
	}
	rotated, err := azure.NewTokenIssuer(issuerURL)
	check(t, err)
	f.issuer, set = rotated, rotated.JWKS()
	_, err = f.credential(clientID).GetToken(t.Context(), ask)
	check(t, err)
}
