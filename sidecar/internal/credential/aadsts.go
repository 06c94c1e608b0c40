package credential

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/azhttp"
)

// rule describes how to report an AADSTS code.
type rule struct {
	// permanent means that a retry cannot succeed before someone changes something.
	permanent bool
	text      func(*EntraError) string
}

// expiredAssertion is the code of a service-account token that is not valid now.
const expiredAssertion = 700024

// rules are the rules by AADSTS code. Few of them are permanent, since a new federated credential,
// application or role takes minutes to take effect, and until then the error is the same.
var rules = map[int]rule{
	70021:            {text: noMatch("issuer, subject and audience")}, // used before the three codes below existed
	700211:           {text: noMatch("issuer")},
	700212:           {text: noMatch("audience")},
	700213:           {text: noMatch("subject")},
	7002138:          {text: noMatch("subject (only upper and lower case differ)")},
	expiredAssertion: {text: expired},
	700016:           {text: unknownApplication},
	90002:            {text: unknownTenant, permanent: true},
	500011:           {text: unknownResource},
	90061:            {text: issuerUnreachable},
	50166:            {text: issuerUnreachable},
	53003: {text: func(e *EntraError) string {
		return fmt.Sprintf("a Conditional Access policy blocks application %s: contact the tenant's administrator", e.Identity.ClientID)
	}},
	7000112: {text: func(e *EntraError) string {
		return fmt.Sprintf("application %s is disabled in tenant %s: enable it there", e.Identity.ClientID, e.Identity.TenantID)
	}},
}

func noMatch(what string) func(*EntraError) string {
	return func(e *EntraError) string {
		token := "the service-account token"
		if t := e.Token; t != nil {
			token = fmt.Sprintf("issuer %q, subject %q, audience %q", t.Issuer, t.Subject, t.Audience)
		}
		return fmt.Sprintf("no federated identity credential of %s in tenant %s matches the token's %s: create one "+
			"with exactly %s; a new one takes a few minutes to take effect", e.Identity.ClientID, e.Identity.TenantID, what, token)
	}
}

func expired(e *EntraError) string {
	when := ""
	if e.Token != nil {
		when = fmt.Sprintf(" (expiry: %s)", e.Token.Expires.Format(time.RFC3339))
	}
	return fmt.Sprintf("the service-account token is not valid now%s: "+
		"check the clocks of the node and the API server, and that the kubelet renews the token", when)
}

func unknownApplication(e *EntraError) string {
	return fmt.Sprintf("tenant %s has no application or managed identity %s: correct the client ID (annotation "+
		"azure.workload.identity/client-id of the service account; msiClientId or clientId of the settings), or the tenant ID",
		e.Identity.TenantID, e.Identity.ClientID)
}

func unknownTenant(e *EntraError) string {
	return fmt.Sprintf("tenant %s does not exist in this cloud: correct the annotation azure.workload.identity/tenant-id "+
		"or the webhook's default tenant; a tenant of another cloud needs another AZURE_AUTHORITY_HOST (chart value identity.environment)",
		e.Identity.TenantID)
}

func unknownResource(e *EntraError) string {
	what, _, _ := strings.Cut(e.description, ". ")
	return what + ": the vault and AZURE_AUTHORITY_HOST must belong to the same cloud (chart value identity.environment); " +
		"a resource that an app requests must exist in the tenant"
}

func issuerUnreachable(e *EntraError) string {
	issuer := "the token's issuer"
	if e.Token != nil {
		issuer = fmt.Sprintf("the token's issuer %q", e.Token.Issuer)
	}
	return fmt.Sprintf("Entra ID cannot fetch the keys of %s: its /.well-known/openid-configuration and "+
		"its key set must be reachable from the internet", issuer)
}

func explainResponse(resp *http.Response, id Identity, tokenFile string) error {
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
		Code: code(content.Codes, content.Description), Name: clean(content.Error), Status: resp.StatusCode, Identity: id,
		TraceID: clean(content.TraceID), description: problemText(content.Description),
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
	return clean(strings.TrimLeft(text, ": "))
}

// jwt matches text that looks like a token. No known response contains a token, but one must never
// get into a log.
var jwt = regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.?[\w-]*`)

// clean makes a text of a response safe for a log: one line, of limited length, without tokens.
func clean(text string) string {
	text = jwt.ReplaceAllString(text, "[token]")
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
	if len(text) > 400 {
		text = strings.ToValidUTF8(text[:400], "") + "..."
	}
	return strings.TrimSpace(text)
}
