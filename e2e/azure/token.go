package azure

import (
	"net/http"
	"strings"
	"time"
)

// assertionType is the value of client_assertion_type (RFC 7523, section 2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// token responds to a token request with the client credentials grant and a client assertion, the
// only flow of workload identity federation.
func (en *entra) token(r *http.Request, c *cloud, tenant string, accepted func(Application) []FederatedCredential) answer {
	f := newFacts(r)
	a := en.exchange(r, c, tenant, f, accepted)
	a.clientID = f.client
	return a
}

func (en *entra) exchange(r *http.Request, c *cloud, tenant string, f *facts, accepted func(Application) []FederatedCredential) answer {
	form := r.PostForm
	for _, name := range []string{"grant_type", "client_id", "scope"} {
		if form.Get(name) == "" {
			f.parameter = name
			return f.answer(900144)
		}
	}
	if f.grant != "client_credentials" {
		return f.answer(70003)
	}
	app, ok := en.application(f.client, tenant)
	if !ok {
		return f.answer(700016)
	}
	resource, code := parseScope(c, form.Get("scope"), f)
	if code != 0 {
		return f.answer(code)
	}
	switch {
	case form.Get("client_secret") != "":
		return f.answer(7000215)
	case form.Get("client_assertion") == "" || form.Get("client_assertion_type") != assertionType:
		return f.answer(7000216)
	}
	if code := en.verifyAssertion(r.Context(), form.Get("client_assertion"), accepted(app)); code != 0 {
		return f.answer(code)
	}
	return en.grantToken(c, app, resource)
}

func (en *entra) grantToken(c *cloud, app Application, resource string) answer {
	t := en.settings()
	token, err := en.signer.issue(accessClaims(c, app, resource, time.Now(), time.Duration(t.Lifetime)))
	if err != nil {
		return jsonAnswer(http.StatusInternalServerError, map[string]string{"error": "server_error", "error_description": err.Error()})
	}
	body := map[string]any{
		"token_type":     "Bearer",
		"expires_in":     int(time.Duration(t.Lifetime).Seconds()),
		"ext_expires_in": int(time.Duration(t.Lifetime).Seconds()),
		"access_token":   token,
	}
	if t.RefreshIn > 0 {
		body["refresh_in"] = int(time.Duration(t.RefreshIn).Seconds())
	}
	return jsonAnswer(http.StatusOK, body)
}

// parseScope returns the requested resource. The scope must contain exactly one, and may also
// contain the scopes of OpenID Connect, which MSAL adds. The code is an AADSTS number, or 0.
func parseScope(c *cloud, scope string, f *facts) (resource string, code int) {
	for s := range strings.FieldsSeq(scope) {
		switch s {
		case "openid", "profile", "offline_access", "email":
			continue
		}
		r, ok := strings.CutSuffix(s, "/.default")
		switch {
		case !ok || r == "":
			return "", 1002012
		case resource != "" && resource != r:
			return "", 28000
		}
		resource = r
	}
	if resource == "" {
		return "", 1002012
	}
	// In a double slash, the first slash belongs to the audience: Entra ID keeps it. The service is
	// the same.
	f.resource = resource
	if bare := strings.TrimSuffix(resource, "/"); bare != c.vault && !isCommonResource(bare) {
		return "", 500011
	}
	return resource, 0
}

func isCommonResource(resource string) bool {
	for _, r := range commonResources {
		if r == resource {
			return true
		}
	}
	return false
}
