package azure_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
)

// vaultFailure is Key Vault's error JSON.
type vaultFailure struct {
	Error struct {
		Code       string `json:"code"`
		Message    string `json:"message"`
		InnerError struct {
			Code string `json:"code"`
		} `json:"innererror"`
	} `json:"error"`
}

// The client's error contains each refusal of a vault.
func TestSecretRefused(t *testing.T) {
	cases := map[string]struct {
		prepare func(*fixture) error
		version string
		status  int
		outer   string
		inner   string
		text    string
	}{
		"no role": {
			prepare: func(f *fixture) error {
				return f.Revoke(f.t.Context(), azure.Grant{Vault: vaultHost, ClientID: clientID})
			},
			status: 403, outer: "Forbidden", inner: "ForbiddenByRbac", text: "Caller: appid=" + clientID + ";oid=",
		},
		"role for another secret": {
			prepare: func(f *fixture) error {
				return errors.Join(f.Revoke(f.t.Context(), azure.Grant{Vault: vaultHost, ClientID: clientID}),
					f.Apply(f.t.Context(), azure.Config{Grants: []azure.Grant{{Vault: vaultHost, ClientID: clientID, Secret: "other"}}}))
			},
			status: 403, outer: "Forbidden", inner: "ForbiddenByRbac", text: "vaults/examplevault/secrets/web'",
		},
		"policy": {
			prepare: denied("ForbiddenByPolicy"),
			status:  403, outer: "Forbidden", inner: "ForbiddenByPolicy", text: "on-behalf-of",
		},
		"access policy": {
			prepare: denied("AccessDenied"),
			status:  403, outer: "Forbidden", inner: "AccessDenied", text: "does not have secrets get permission on key vault 'examplevault;",
		},
		"firewall": {
			prepare: func(f *fixture) error {
				return f.Apply(f.t.Context(), azure.Config{Vaults: []azure.Vault{{Host: vaultHost, Tenant: tenant, Firewall: true}}})
			},
			status: 403, outer: "Forbidden", inner: "ForbiddenByFirewall", text: "Client address: 127.0.0.1",
		},
		"disabled": {
			prepare: func(f *fixture) error {
				return f.SetEnabled(f.t.Context(), azure.SecretRef{Vault: vaultHost, Name: "web"}, false)
			},
			status: 403, outer: "Forbidden", inner: "SecretDisabled", text: "disabled secret",
		},
		"renewed disabled": {
			prepare: func(f *fixture) error {
				_, err := f.Renew(f.t.Context(), azure.Renewal{Vault: vaultHost, Name: "web", Disabled: true})
				return err
			},
			status: 403, outer: "Forbidden", inner: "SecretDisabled", text: "disabled secret",
		},
		"deleted": {
			prepare: func(f *fixture) error { return f.Delete(f.t.Context(), azure.SecretRef{Vault: vaultHost, Name: "web"}) },
			status:  404, outer: "SecretNotFound", text: "(name/id) web was not found",
		},
		"unknown version": {
			version: strings.Repeat("0", 32),
			status:  404, outer: "SecretNotFound", text: "(name/id) web/000",
		},
		"throttled": {
			prepare: func(f *fixture) error {
				return errors.Join(f.Apply(f.t.Context(), azure.Config{Vaults: []azure.Vault{{Host: vaultHost, Tenant: tenant,
					Limit: &azure.Limit{Gets: 1, Window: azure.Duration(time.Hour), RetryAfter: azure.Duration(7 * time.Second)}}}}),
					f.get("web", ""))
			},
			status: 429, outer: "Throttled", text: "too many requests",
		},
		"tenant": {
			prepare: func(f *fixture) error {
				return errors.Join(f.get("web", ""), f.Apply(f.t.Context(), azure.Config{
					Vaults: []azure.Vault{{Host: vaultHost, Tenant: "99999999-2222-3333-4444-555555555555"}}}))
			},
			status: 401, outer: "Unauthorized", text: "AKV10032: Invalid issuer. Expected one of https://sts.windows.net/99999999-",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			_, err := f.CreateCertificate(t.Context(), azure.Certificate{Vault: vaultHost, Name: "web"})
			check(t, err)
			token := f.vaultToken(vaultScope)
			if c.prepare != nil {
				check(t, c.prepare(f))
			}
			resp := f.getRaw(t, "https://"+vaultHost+"/secrets/web/"+c.version+"?api-version=7.6", token)
			expectVaultFailure(t, resp, c.status, c.outer, c.inner, c.text)
			if retry := resp.Header.Get("Retry-After"); (c.status == 429) != (retry == "7") {
				t.Errorf("Retry-After %q", retry)
			}
			logged, err := f.Requests(t.Context(), azure.Filter{Operation: azure.OpGetSecret, Status: c.status})
			check(t, err)
			want := c.inner
			if want == "" {
				want = c.outer
			}
			if last := logged[len(logged)-1]; last.Code != want || last.ClientID != clientID || last.Challenge {
				t.Errorf("logged %+v, want code %s of %s", last, want, clientID)
			}
		})
	}
}

func denied(code string) func(*fixture) error {
	return func(f *fixture) error {
		return errors.Join(f.Revoke(f.t.Context(), azure.Grant{Vault: vaultHost, ClientID: clientID}),
			f.Apply(f.t.Context(), azure.Config{Vaults: []azure.Vault{{Host: vaultHost, Tenant: tenant, Denial: code}}}))
	}
}

func (f *fixture) get(name, version string) error {
	_, err := f.secrets(vaultHost).GetSecret(f.t.Context(), name, version, nil)
	return err
}

func (f *fixture) vaultToken(scope string) string {
	f.t.Helper()
	token, err := f.credential(clientID).GetToken(f.t.Context(), policy.TokenRequestOptions{Scopes: []string{scope}})
	check(f.t, err)
	return token.Token
}

// getRaw gets a URL with a bearer token, unless the token is empty.
func (f *fixture) getRaw(t *testing.T, url, token string) *http.Response {
	t.Helper()
	client := f.Client()
	t.Cleanup(client.CloseIdleConnections)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	check(t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(req)
	check(t, err)
	t.Cleanup(func() { check(t, resp.Body.Close()) })
	return resp
}

func expectVaultFailure(t *testing.T, resp *http.Response, status int, outer, inner, text string) {
	t.Helper()
	var got vaultFailure
	check(t, json.NewDecoder(resp.Body).Decode(&got))
	if resp.StatusCode != status || got.Error.Code != outer || got.Error.InnerError.Code != inner {
		t.Errorf("status %d, %s, inner %q; want %d, %s, %q", resp.StatusCode, got.Error.Code, got.Error.InnerError.Code, status, outer, inner)
	}
	if !strings.Contains(got.Error.Message, text) || strings.Contains(got.Error.Message, "{") {
		t.Errorf("message %q does not contain %q, or has an unfilled placeholder", got.Error.Message, text)
	}
}

// Tokens and requests that a vault must refuse.
func TestVaultChecksRequest(t *testing.T) {
	f := newFixture(t)
	check(t, f.Apply(t.Context(), azure.Config{Secrets: []azure.Secret{{Vault: vaultHost, Name: "s", Value: "v"}}}))
	good := f.vaultToken(vaultScope)
	stranger := newFixture(t).vaultToken(vaultScope)
	url := "https://" + vaultHost + "/secrets/s?api-version=7.6"
	const challenge = `Bearer authorization="https://login.microsoftonline.com/` + tenant + `", resource="https://vault.azure.net"`
	cases := map[string]struct {
		url, token string
		status     int
		outer      string
		text       string
	}{
		"no token":              {url, "", 401, "Unauthorized", "AKV10000"},
		"no JWT":                {url, "x.y.z", 401, "Unauthorized", "AKV10046"},
		"other signer":          {url, stranger, 401, "Unauthorized", "AKV10046"},
		"other audience":        {url, f.vaultToken("https://graph.microsoft.com/.default"), 401, "Unauthorized", "AKV10022: Invalid audience. Expected https://vault.azure.net, found: https://graph.microsoft.com"},
		"no API version":        {"https://" + vaultHost + "/secrets/s", good, 400, "BadParameter", "specified version ()"},
		"unknown API version":   {"https://" + vaultHost + "/secrets/s?api-version=1", good, 400, "BadParameter", "specified version (1)"},
		"name with underscore":  {"https://" + vaultHost + "/secrets/a_b?api-version=7.6", good, 400, "BadParameter", "invalid name: a_b"},
		"not a secret":          {"https://" + vaultHost + "/certificates/s?api-version=7.6", good, 400, "BadParameter", "invalid name"},
		"versions of a missing": {"https://" + vaultHost + "/secrets/none/versions?api-version=7.6", good, 404, "SecretNotFound", "none"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			resp := f.getRaw(t, c.url, c.token)
			expectVaultFailure(t, resp, c.status, c.outer, "", c.text)
			if got := resp.Header.Get("WWW-Authenticate"); (c.status == 401) != (got == challenge) {
				t.Errorf("challenge %q", got)
			}
		})
	}
	for _, suffix := range []string{"s", "s/"} {
		if resp := f.getRaw(t, fmt.Sprintf("https://%s/secrets/%s?api-version=2025-07-01", vaultHost, suffix), good); resp.StatusCode != http.StatusOK {
			t.Errorf("GET %s: %s", suffix, resp.Status)
		}
	}
}

// A token is valid for its lifetime plus the clock skew.
func TestExpiredAccessToken(t *testing.T) {
	inBubble(t, func(f *fixture) {
		_, err := f.CreateSecret(f.t.Context(), azure.Secret{Vault: vaultHost, Name: "s", Value: "v"})
		check(f.t, err)
		token := f.vaultToken(vaultScope)
		time.Sleep(time.Hour + 4*time.Minute)
		if resp := f.getRaw(f.t, "https://"+vaultHost+"/secrets/s?api-version=7.6", token); resp.StatusCode != http.StatusOK {
			f.t.Errorf("within the clock skew: %s", resp.Status)
		}
		time.Sleep(2 * time.Minute)
		resp := f.getRaw(f.t, "https://"+vaultHost+"/secrets/s?api-version=7.6", token)
		expectVaultFailure(f.t, resp, 401, "Unauthorized", "", "[TokenExpired]")
	})
}

// The SDK's error has only the outer code. A test that needs the inner code reads the request log.
func TestErrorCodeOfSDK(t *testing.T) {
	f := newFixture(t)
	var failed *azcore.ResponseError
	if err := f.get("nothing", ""); !errors.As(err, &failed) || failed.ErrorCode != "SecretNotFound" || failed.StatusCode != http.StatusNotFound {
		t.Errorf("unexpected error %v", err)
	}
}

// A limit applies to its window, which begins with the first request. It does not apply to
// challenges.
func TestLimitWindow(t *testing.T) {
	inBubble(t, func(f *fixture) {
		check(f.t, f.Apply(f.t.Context(), azure.Config{
			Vaults:  []azure.Vault{{Host: vaultHost, Tenant: tenant, Limit: &azure.Limit{Gets: 2, Window: azure.Duration(10 * time.Second)}}},
			Secrets: []azure.Secret{{Vault: vaultHost, Name: "s", Value: "v"}},
		}))
		token := f.vaultToken(vaultScope)
		url := "https://" + vaultHost + "/secrets/s?api-version=7.6"
		for window := range 2 {
			for i, want := range []int{200, 200, 429, 429} {
				if got := f.getRaw(f.t, url, token).StatusCode; got != want {
					f.t.Errorf("window %d, GET %d: status %d, want %d", window, i, got, want)
				}
			}
			if got := f.getRaw(f.t, url, "").StatusCode; got != 401 {
				f.t.Errorf("challenge: status %d", got)
			}
			time.Sleep(10 * time.Second)
		}
	})
}
