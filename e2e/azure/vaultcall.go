package azure

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// vaultCall is one request to a vault, with the values for error texts.
type vaultCall struct {
	vault  *vault
	cloud  *cloud
	claims accessToken
	client string // address
	target target
	query  string // api-version
}

func newVaultCall(v *vault, r *http.Request) *vaultCall {
	t, _ := parsePath(r.URL.Path)
	return &vaultCall{
		vault: v, cloud: cloudOfVault(v.config.Host), target: t,
		client: hostOnly(r.RemoteAddr), query: r.URL.Query().Get("api-version"),
	}
}

// authenticate checks the bearer token. It returns the code of an error, or "".
func (kv *keyvault) authenticate(c *vaultCall, r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "NoToken"
	}
	claims, err := kv.signer.verify(token)
	now := time.Now()
	switch {
	case err != nil:
		return "BadSignature"
	case strings.TrimSuffix(claims.Resource, "/") != c.cloud.vault:
		c.claims = claims
		return "BadAudience"
	case claims.Issuer != c.cloud.stsIssuer+c.vault.config.Tenant+"/":
		c.claims = claims
		return "BadIssuer"
	case claims.Expiry == nil || now.After(claims.Expiry.Time().Add(clockSkew)):
		return "TokenExpired"
	}
	c.claims = claims
	return ""
}

// vaultError is one error of Key Vault: its status, its outer code, its inner code if it has one,
// and its text with placeholders in braces.
type vaultError struct {
	status       int
	outer, inner string
	text         string
}

var vaultErrors = map[string]vaultError{
	"NoToken":      {401, "Unauthorized", "", "AKV10000: Request is missing a Bearer or PoP token."},
	"BadSignature": {401, "Unauthorized", "", "AKV10046: Unable to resolve the key used for signature validation."},
	"BadAudience":  {401, "Unauthorized", "", "AKV10022: Invalid audience. Expected {resource}, found: {audience}."},
	"BadIssuer":    {401, "Unauthorized", "", "AKV10032: Invalid issuer. Expected one of {wantIssuer}, found {issuer}."},
	"TokenExpired": {401, "Unauthorized", "", "[TokenExpired] Error validating token: the token has expired."},

	"BadParameter":     {400, "BadParameter", "", "The request URI contains an invalid name: {name}"},
	"BadApiVersion":    {400, "BadParameter", "", "The specified version ({version}) is not recognized. Consider using the latest supported version (7.6)."},
	"MethodNotAllowed": {405, "MethodNotAllowed", "", "The HTTP method is not allowed."},

	"ForbiddenByRbac":     {403, "Forbidden", "ForbiddenByRbac", "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role definitions were changed recently, please observe propagation time.\r\nCaller: {caller}\r\nAction: '{action}'\r\nResource: '/subscriptions/00000000-0000-0000-0000-000000000001/resourcegroups/emulated/providers/microsoft.keyvault/vaults/{vault}/secrets/{name}'\r\nAssignment: (not found)\r\nDenyAssignmentId: null\r\nDecisionReason: 'DeniedWithNoValidRBAC' \r\nVault: {vault};location=emulated\r\n"},
	"ForbiddenByPolicy":   {403, "Forbidden", "ForbiddenByPolicy", "The policy requires the caller '{caller}' to use on-behalf-of (OBO) flow. For more information on OBO, please see https://go.microsoft.com/fwlink/?linkid=2152310"},
	"AccessDenied":        {403, "Forbidden", "AccessDenied", "The user, group or application '{caller}' does not have secrets get permission on key vault '{vault};location=emulated'. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125287"},
	"ForbiddenByFirewall": {403, "Forbidden", "ForbiddenByFirewall", "Client address is not authorized and caller is not a trusted service.\r\nClient address: {client}\r\nCaller: {caller}\r\nVault: {vault};location=emulated"},

	"SecretDisabled": {403, "Forbidden", "SecretDisabled", "Operation get is not allowed on a disabled secret."},
	"SecretNotFound": {404, "SecretNotFound", "", "A secret with (name/id) {id} was not found in this key vault. If you recently deleted this secret you may be able to recover it using the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182"},

	"Throttled":          {429, "Throttled", "", "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached"},
	"InternalError":      {500, "InternalServerError", "", "The service encountered an internal error. Please try again."},
	"ServiceUnavailable": {503, "ServiceUnavailable", "", "The service is temporarily unavailable. Please try again."},
}

func (*keyvault) hasError(code string) bool {
	_, ok := vaultErrors[code]
	return ok
}

func (kv *keyvault) errorAnswer(r *http.Request, code string) answer {
	kv.mu.Lock()
	defer kv.mu.Unlock()
	c := newVaultCall(kv.vaults[hostOnly(r.Host)], r)
	kv.authenticate(c, r) // only to get the caller's name
	return c.answer(code)
}

func (kv *keyvault) statusAnswer(r *http.Request, status int) answer {
	code := "ServiceUnavailable"
	switch status {
	case http.StatusUnauthorized:
		code = "NoToken"
	case http.StatusForbidden:
		code = "ForbiddenByRbac"
	case http.StatusNotFound:
		code = "SecretNotFound"
	case http.StatusTooManyRequests:
		code = "Throttled"
	case http.StatusInternalServerError:
		code = "InternalError"
	}
	a := kv.errorAnswer(r, code)
	a.status = status
	return a
}

// answer returns Key Vault's error JSON, with the challenge if the status is 401.
func (c *vaultCall) answer(code string) answer {
	e := vaultErrors[code]
	host, name := c.vault.config.Host, c.target.name
	id := name
	if c.target.version != "" {
		id += "/" + c.target.version
	}
	action := "Microsoft.KeyVault/vaults/secrets/getSecret/action"
	if c.target.versions {
		action = "Microsoft.KeyVault/vaults/secrets/readMetadata/action"
	}
	text := strings.NewReplacer(
		"{vault}", strings.TrimSuffix(host, c.cloud.vaultSuffix), "{name}", name, "{id}", id, "{action}", action,
		"{caller}", fmt.Sprintf("appid=%s;oid=%s;iss=%s", c.claims.AppID, c.claims.ObjectID, c.claims.Issuer),
		"{client}", c.client, "{version}", c.query, "{resource}", c.cloud.vault, "{audience}", c.claims.Resource,
		"{issuer}", c.claims.Issuer, "{wantIssuer}", c.cloud.stsIssuer+c.vault.config.Tenant+"/",
	).Replace(e.text)
	inner := map[string]any{"code": e.outer, "message": text}
	logged := e.outer
	if e.inner != "" {
		inner["innererror"] = map[string]string{"code": e.inner}
		logged = e.inner
	}
	a := jsonAnswer(e.status, map[string]any{"error": inner})
	a.code, a.clientID = logged, c.claims.AppID
	if e.status == http.StatusUnauthorized {
		a.header.Set("WWW-Authenticate", fmt.Sprintf(`Bearer authorization="https://%s/%s", resource="%s"`,
			c.cloud.challenge, c.vault.config.Tenant, c.cloud.vault))
	}
	if l := c.vault.config.Limit; code == "Throttled" && l != nil && l.RetryAfter > 0 {
		a.header.Set("Retry-After", strconv.Itoa(int(time.Duration(l.RetryAfter).Seconds())))
	}
	return a
}
