package credential

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/azhttp"
)

// rule describes how to report an AADSTS code.
type rule struct {
	// permanent means that a retry cannot succeed before someone changes something.
	permanent bool
	text      func(*EntraError) string
}

// rules are the rules by AADSTS code. Few of them are permanent, since a new federated credential,
// application or role takes minutes to take effect, and until then the error is the same.
var rules = map[int]rule{
	70021:   {text: noMatch("issuer, subject and audience")}, // used before the three codes below existed
	70025:   {text: noCredentials},
	700211:  {text: noMatch("issuer")},
	700212:  {text: noMatch("audience")},
	700213:  {text: noMatch("subject")},
	7002138: {text: noMatch("subject (only upper and lower case differ)")},
	700024:  {text: expired},
	700016:  {text: unknownApplication},
	700027:  {text: unknownKey},
	90002:   {text: unknownTenant, permanent: true},
	900021:  {text: unknownTenant, permanent: true}, // not a valid ID
	900023:  {text: unknownTenant, permanent: true}, // neither an ID nor a domain name
	500011:  {text: unknownResource},
	90061:   {text: issuerUnreachable},
	50166:   {text: issuerUnreachable},
	501661:  {text: issuerUnreachable},
	53003: {text: func(e *EntraError) string {
		return fmt.Sprintf("a Conditional Access policy blocks application %s: contact the tenant's administrator", e.Identity.ClientID)
	}},
	7000112: {text: func(e *EntraError) string {
		return fmt.Sprintf("application %s is disabled in tenant %s: enable it there", e.Identity.ClientID, e.Identity.TenantID)
	}},
}

func noMatch(what string) func(*EntraError) string {
	return func(e *EntraError) string {
		return fmt.Sprintf("no federated identity credential of %s in tenant %s matches the token's %s: %s",
			e.Identity.ClientID, e.Identity.TenantID, what, createCredential(e))
	}
}

func noCredentials(e *EntraError) string {
	return fmt.Sprintf("%s in tenant %s has no federated identity credential: %s",
		e.Identity.ClientID, e.Identity.TenantID, createCredential(e))
}

// tokenName is what proves the identity.
func (e *EntraError) tokenName() string {
	return e.Where.Text("the service-account token", "the token")
}

func createCredential(e *EntraError) string {
	values := "the issuer, subject and audience of " + e.tokenName()
	if t := e.Token; t != nil {
		values = fmt.Sprintf("issuer %q, subject %q, audience %q", t.Issuer, t.Subject, t.Audience)
	}
	return "create one with exactly " + values + "; a new one takes a few minutes to take effect"
}

func unknownKey(e *EntraError) string {
	return fmt.Sprintf("the key that signed %s is not among those that %s publishes: publish %s current keys there "+
		"(the key set in its /.well-known/openid-configuration)", e.tokenName(), issuer(e.Token), e.Where.Text("the cluster's", "the"))
}

func expired(e *EntraError) string {
	when := ""
	if e.Token != nil {
		when = fmt.Sprintf(" (expiry: %s)", e.Token.Expires.Format(time.RFC3339))
	}
	return fmt.Sprintf("%s is not valid now%s: check %s", e.tokenName(), when, e.Where.Text(
		"the clocks of the node and the API server, and that the kubelet renews the token", "this machine's clock, and what renews the token"))
}

func unknownApplication(e *EntraError) string {
	return fmt.Sprintf("tenant %s has no application or managed identity %s: correct the client ID (%smsiClientId or clientId of the "+
		"settings), or the tenant ID", e.Identity.TenantID, e.Identity.ClientID,
		e.Where.Text("annotation azure.workload.identity/client-id of the service account; ", ""))
}

// environmentValue is where a pod's AZURE_AUTHORITY_HOST comes from.
const environmentValue = " (chart value identity.environment)"

func unknownTenant(e *EntraError) string {
	return fmt.Sprintf("tenant %s does not exist in this cloud: correct %s; a tenant of another cloud needs another AZURE_AUTHORITY_HOST%s",
		e.Identity.TenantID, e.Where.Text("the annotation azure.workload.identity/tenant-id or the webhook's default tenant",
			"tenantId of the entry, or AZURE_TENANT_ID"), e.Where.Text(environmentValue, ""))
}

func unknownResource(e *EntraError) string {
	what, _, _ := strings.Cut(e.description, ". ")
	return what + ": the vault and AZURE_AUTHORITY_HOST must belong to the same cloud" + e.Where.Text(environmentValue, "") + "; " +
		"a resource that an app requests must exist in the tenant"
}

func issuerUnreachable(e *EntraError) string {
	return fmt.Sprintf("Entra ID cannot fetch the keys of %s: its /.well-known/openid-configuration and "+
		"its key set must be reachable from the internet", issuer(e.Token))
}

func issuer(t *TokenClaims) string {
	if t == nil {
		return "the token's issuer"
	}
	return fmt.Sprintf("the token's issuer %q", t.Issuer)
}

func explainResponse(resp *http.Response, id Identity, tokenFile string, where contract.Mode) error {
	if throttled := azhttp.Throttled(resp); throttled != nil {
		return throttled
	}
	body, err := runtime.Payload(resp)
	if err != nil {
		return &InvalidResponseError{Status: resp.StatusCode}
	}
	var content struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Codes       []int  `json:"error_codes"`
		TraceID     string `json:"trace_id"`
	}
	if json.Unmarshal(body, &content) != nil || content.Error == "" {
		return &InvalidResponseError{Status: resp.StatusCode}
	}
	e := &EntraError{
		Code: code(content.Codes, content.Description), Name: azhttp.CleanText(content.Error), Status: resp.StatusCode, Identity: id,
		TraceID: azhttp.CleanText(content.TraceID), description: problemText(content.Description),
		Where: where,
	}
	e.rule = rules[e.Code]
	if tokenFile != "" {
		e.Token = readClaims(tokenFile)
	}
	return e
}

var codeInText = regexp.MustCompile(`^AADSTS(\d{2,9})\b`)

// code returns the number in the description, which is more specific (7002138 instead of 700213),
// or else the first number in the list.
func code(codes []int, description string) int {
	if m := codeInText.FindStringSubmatch(description); m != nil {
		n, _ := strconv.Atoi(m[1]) // cannot fail: at most nine digits
		return n
	}
	if len(codes) > 0 {
		return codes[0]
	}
	return 0
}

// problemText returns the part of a description that says what is wrong, without the trace ID,
// correlation ID and time that follow it.
func problemText(description string) string {
	text, _, _ := strings.Cut(description, "Trace ID:")
	text = codeInText.ReplaceAllString(text, "")
	return azhttp.CleanText(strings.TrimLeft(text, ": "))
}
