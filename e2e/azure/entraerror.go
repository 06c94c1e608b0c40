package azure

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// entraError is one AADSTS error: its status, its OAuth 2.0 code (RFC 6749, section 5.2), and its
// text with placeholders in braces.
type entraError struct {
	status int
	oauth  string
	text   string
}

const federationHelp = " https://learn.microsoft.com/entra/workload-id/workload-identity-federation"

var entraErrors = map[int]entraError{
	28000:   {400, "invalid_request", "Provided value for the input parameter scope is not valid because it contains more than one resource. Scope {scope} is not valid."},
	50027:   {401, "invalid_client", "JWT token is invalid or malformed."},
	53003:   {400, "invalid_grant", "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance."},
	70003:   {400, "unsupported_grant_type", "The app requested an unsupported grant type '{grant}'."},
	70021:   {401, "invalid_client", "No matching federated identity record found for presented assertion. Assertion Issuer: '{issuer}'. Assertion Subject: '{subject}'. Assertion Audience: '{audience}'." + federationHelp},
	70023:   {400, "invalid_request", "External OIDC Provider token must have a lifetime of less than or equal to 1.01:00:00. Token issued at {issued}. Token expires on {expires}."},
	90002:   {400, "invalid_tenant", "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant."},
	90033:   {503, "temporarily_unavailable", "A transient error has occurred. Please try again."},
	90055:   {429, "temporarily_unavailable", "The request has been throttled: there are too many requests for the tenant '{tenant}'. Please try again later."},
	90061:   {400, "invalid_request", "Request to External OIDC endpoint failed. The keys of the issuer '{issuer}' could not be retrieved."},
	500011:  {400, "invalid_resource", "The resource principal named {resource} was not found in the tenant named {tenant}. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant."},
	700016:  {400, "unauthorized_client", "Application with identifier '{client}' was not found in the directory '{tenant}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant."},
	700024:  {401, "invalid_client", "Client assertion is not within its valid time range. Current time: {now}, assertion valid from {from}, expiry time of assertion {until}. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials ."},
	700027:  {401, "invalid_client", "Client assertion failed signature validation. The key was not found among those that the issuer '{issuer}' publishes, or the signature does not match."},
	700211:  {401, "invalid_client", "No matching federated identity record found for presented assertion issuer '{issuer}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion." + federationHelp},
	700212:  {401, "invalid_client", "No matching federated identity record found for presented assertion audience '{audience}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion." + federationHelp},
	700213:  {401, "invalid_client", "No matching federated identity record found for presented assertion subject '{subject}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion." + federationHelp},
	900144:  {400, "invalid_request", "The request body must contain the following parameter: '{parameter}'."},
	1002012: {400, "invalid_scope", "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."},
	7000112: {400, "unauthorized_client", "Application '{client}' is disabled."},
	7000215: {401, "invalid_client", "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{client}'."},
	7000216: {401, "invalid_client", "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type."},
	7002138: {401, "invalid_client", "No matching federated identity record found for presented assertion subject '{subject}'. The subject matches with case-insensitive comparison, but not with case-sensitive comparison. Check your federated identity credential Subject, Audience and Issuer against the presented assertion." + federationHelp},
}

func (*entra) hasError(code string) bool {
	n, err := strconv.Atoi(code)
	_, ok := entraErrors[n]
	return err == nil && ok
}

func (*entra) errorAnswer(r *http.Request, code string) answer {
	n, _ := strconv.Atoi(code) // hasError has checked it
	return newFacts(r).answer(n)
}

func (*entra) statusAnswer(r *http.Request, status int) answer {
	if status == http.StatusTooManyRequests {
		return newFacts(r).answer(90055)
	}
	a := newFacts(r).answer(90033)
	a.status = status
	return a
}

// facts are the values of a token request for error texts. They are not verified, so that an error
// can name what the client sent.
type facts struct {
	tenant, client, scope, resource, grant, parameter string

	claims      jwt.Claims
	correlation string
}

// newFacts reads a request and parses its form. Missing or invalid parts stay empty.
func newFacts(r *http.Request) *facts {
	_ = r.ParseForm() // the parameters of an invalid form stay empty
	tenant, _ := splitTenant(r.URL.Path)
	f := &facts{
		tenant: tenant, client: r.PostForm.Get("client_id"), scope: r.PostForm.Get("scope"),
		grant: r.PostForm.Get("grant_type"), correlation: r.Header.Get("client-request-id"),
	}
	if f.correlation == "" {
		f.correlation = derivedGUID(rand.Text())
	}
	algorithms := []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512, jose.PS256, jose.EdDSA}
	if token, err := jwt.ParseSigned(r.PostForm.Get("client_assertion"), algorithms); err == nil {
		_ = token.UnsafeClaimsWithoutVerification(&f.claims) // stays empty if invalid
	}
	return f
}

// answer returns Entra ID's error JSON for an AADSTS number.
func (f *facts) answer(code int) answer {
	e := entraErrors[code]
	now := time.Now().UTC()
	trace, stamp := derivedGUID(rand.Text()), now.Format("2006-01-02 15:04:05Z")
	text := strings.NewReplacer(
		"{tenant}", f.tenant, "{client}", f.client, "{scope}", f.scope, "{resource}", f.resource,
		"{grant}", f.grant, "{parameter}", f.parameter,
		"{issuer}", f.claims.Issuer, "{subject}", f.claims.Subject, "{audience}", strings.Join(f.claims.Audience, ","),
		"{now}", precise(now), "{from}", precise(f.claims.NotBefore.Time()), "{until}", precise(f.claims.Expiry.Time()),
		"{issued}", unix(f.claims.IssuedAt), "{expires}", unix(f.claims.Expiry),
	).Replace(e.text)
	a := jsonAnswer(e.status, map[string]any{
		"error":             e.oauth,
		"error_description": fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s", code, text, trace, f.correlation, stamp),
		"error_codes":       []int{code},
		"timestamp":         stamp,
		"trace_id":          trace,
		"correlation_id":    f.correlation,
		"error_uri":         fmt.Sprintf("https://login.microsoftonline.com/error?code=%d", code),
	})
	a.header.Set("x-ms-request-id", trace)
	a.code, a.clientID = strconv.Itoa(code), f.client
	return a
}

func precise(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.0000000Z") }

func unix(d *jwt.NumericDate) string {
	if d == nil {
		return "0"
	}
	return strconv.FormatInt(int64(*d), 10)
}

// derivedGUID returns a GUID that is always the same for the same text.
func derivedGUID(text string) string {
	h := sha256.Sum256([]byte(text))
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16])
}
