package imds

import (
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// request is a token request.
type request struct {
	protocol protocol
	// resource is the application ID URI, without defaultScope. clientID is that of the identity.
	// Both are empty if the request is refused before they are read.
	resource, clientID string
}

// defaultScope is the suffix that turns a resource into a scope. A trailing slash of the resource
// is kept, since it is part of the token's audience.
//
// Source:
// https://learn.microsoft.com/entra/identity-platform/scopes-oidc#trailing-slash-and-default
const defaultScope = "/.default"

// parse parses a request. The result depends only on the request and the configuration.
func (e *Endpoint) parse(r *http.Request) (request, *refusal) {
	req := request{protocol: metadataProtocol{}}
	switch path := strings.TrimSuffix(r.URL.Path, "/"); {
	case strings.EqualFold(path, contract.PathMetadataToken):
	case path == contract.PathAppServiceToken && e.config.Header != "":
		req.protocol = appServiceProtocol{e.config.Header}
	default:
		return req, &refusal{status: http.StatusNotFound, code: "not_found",
			text: "only " + contract.PathMetadataToken + " is served: this is not a full instance metadata service"}
	}
	if r.Method != http.MethodGet {
		return req, &refusal{status: http.StatusMethodNotAllowed, code: badRequest, text: "use GET to request a token", allow: http.MethodGet}
	}
	if problem := checkOrigin(r); problem != "" {
		return req, refuse(problem)
	}
	if refused := req.protocol.authorize(r.Header); refused != nil {
		return req, refused
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return req, refuse("the query string cannot be parsed: percent-encode its values")
	}
	return e.parseQuery(req, query)
}

func (e *Endpoint) parseQuery(req request, query url.Values) (request, *refusal) {
	if problem := req.protocol.checkVersion(query.Get("api-version")); problem != "" {
		return req, refuse(problem)
	}
	for _, name := range []string{"object_id", "principal_id", "mi_res_id", "msi_res_id"} {
		if query.Has(name) {
			return req, refuse(name + " is not supported, since only Azure can look it up: use client_id, or omit it for the pod's identity")
		}
	}
	req.clientID = e.config.ClientID
	if id := query.Get("client_id"); id != "" {
		if !contract.IsGUID(id) {
			return req, refuse("client_id is not a GUID: use the client ID of an application or a managed identity")
		}
		req.clientID = id
	}
	resource := strings.TrimSuffix(query.Get("resource"), defaultScope)
	if problem := checkResource(resource); problem != "" {
		return req, refuse(problem)
	}
	req.resource = resource
	return req, nil
}

// maxResource is above the maximum length of an application ID URI, which is 255 characters.
const maxResource = 512

// checkResource returns what is wrong with a resource that is not an application ID URI. A resource
// with white space would become several scopes.
func checkResource(resource string) (problem string) {
	const example = `: use an application ID URI, such as "https://vault.azure.net"`
	invalid := func(c rune) bool { return c <= ' ' || c > '~' }
	switch {
	case resource == "":
		return "resource is missing" + example
	case len(resource) > maxResource, strings.ContainsFunc(resource, invalid):
		return "resource is not a URI" + example
	case contract.IsGUID(resource):
		return ""
	}
	if u, err := url.Parse(resource); err != nil || u.Scheme == "" {
		return "resource is not a URI" + example
	}
	return ""
}

// checkOrigin returns why a request may come from outside the pod. It refuses requests through a
// proxy, as the metadata service does, and requests of a browser for a host name that an attacker
// resolves to this address (DNS rebinding).
func checkOrigin(r *http.Request) (problem string) {
	if r.Header.Get("X-Forwarded-For") != "" {
		return "requests with X-Forwarded-For are refused: connect directly, without a proxy (NO_PROXY=" + contract.MetadataAddress + ")"
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = strings.Trim(r.Host, "[]")
	}
	if address, err := netip.ParseAddr(host); err == nil && (address.IsLoopback() || host == contract.MetadataAddress) {
		return ""
	}
	if strings.EqualFold(host, "localhost") {
		return ""
	}
	return "the Host header is neither " + contract.MetadataAddress + " nor a loopback address"
}

// protocol is that of one of the two services.
type protocol interface {
	name() string
	// authorize checks the header that only clients of the service send.
	authorize(http.Header) *refusal
	checkVersion(version string) (problem string)
	// tokenBody and errorBody return the response body for a token and for an error.
	tokenBody(request, accessToken) any
	errorBody(*refusal) any
}

// metadataProtocol is the protocol of the instance metadata service.
//
// Source:
// https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#get-a-token-using-http
type metadataProtocol struct{}

func (metadataProtocol) name() string { return "metadata service" }

func (metadataProtocol) authorize(h http.Header) *refusal {
	if !strings.EqualFold(h.Get("Metadata"), "true") {
		return refuse("required metadata header not specified: send Metadata: true")
	}
	return nil
}

var date = regexp.MustCompile(`^20[0-9]{2}-[01][0-9]-[0-3][0-9]$`)

// checkVersion accepts every version, since the existing versions do not differ in the responses
// that are implemented here.
func (metadataProtocol) checkVersion(version string) (problem string) {
	if !date.MatchString(version) {
		return "api-version is missing or not a date: use 2018-02-01"
	}
	return ""
}

// appServiceProtocol is the protocol of Azure App Service, with the secret that its clients send.
//
// Source:
// https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
type appServiceProtocol struct{ secret string }

func (appServiceProtocol) name() string { return "App Service" }

func (f appServiceProtocol) authorize(h http.Header) *refusal {
	if subtle.ConstantTimeCompare([]byte(h.Get("X-IDENTITY-HEADER")), []byte(f.secret)) != 1 {
		return &refusal{status: http.StatusUnauthorized, code: badRequest, text: "X-IDENTITY-HEADER is not the value of IDENTITY_HEADER"}
	}
	return nil
}

func (appServiceProtocol) checkVersion(version string) (problem string) {
	if version != "2019-08-01" {
		return "api-version is not supported: use 2019-08-01, the version that uses IDENTITY_ENDPOINT and IDENTITY_HEADER"
	}
	return ""
}
