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

// request is what a caller asks for.
type request struct {
	form form
	// resource is the application ID URI, without defaultScope; clientID the identity's. They are empty where the request
	// is refused before they are read.
	resource, clientID string
}

// defaultScope makes a scope of a resource. A resource that ends in a slash keeps it, as a part of the token's audience.
//
// Source: https://learn.microsoft.com/entra/identity-platform/scopes-oidc#trailing-slash-and-default
const defaultScope = "/.default"

// parse reads a request. It depends on nothing but the request and the configuration.
func (e *Endpoint) parse(r *http.Request) (request, *refusal) {
	asked := request{form: metadataForm{}}
	switch path := strings.TrimSuffix(r.URL.Path, "/"); {
	case strings.EqualFold(path, contract.PathMetadataToken):
	case path == contract.PathAppServiceToken && e.config.Header != "":
		asked.form = appServiceForm{e.config.Header}
	default:
		return asked, &refusal{status: http.StatusNotFound, code: "not_found",
			text: "there are tokens at " + contract.PathMetadataToken + " and nothing else: a pod is no virtual machine"}
	}
	if r.Method != http.MethodGet {
		return asked, &refusal{status: http.StatusMethodNotAllowed, code: badRequest, text: "a token is asked for by GET", allow: http.MethodGet}
	}
	if why := fromPod(r); why != "" {
		return asked, refuse(why)
	}
	if refused := asked.form.authorize(r.Header); refused != nil {
		return asked, refused
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return asked, refuse("the query cannot be read: escape its values")
	}
	return e.parseQuery(asked, query)
}

func (e *Endpoint) parseQuery(asked request, query url.Values) (request, *refusal) {
	if why := asked.form.checkVersion(query.Get("api-version")); why != "" {
		return asked, refuse(why)
	}
	for _, name := range []string{"object_id", "principal_id", "mi_res_id", "msi_res_id"} {
		if query.Has(name) {
			return asked, refuse("the identity cannot be named by " + name + ", which only Azure can look up: name it by client_id, or not at all")
		}
	}
	asked.clientID = e.config.ClientID
	if id := query.Get("client_id"); id != "" {
		if !contract.IsGUID(id) {
			return asked, refuse("client_id is no GUID: give the client ID of an application or a managed identity")
		}
		asked.clientID = id
	}
	resource := strings.TrimSuffix(query.Get("resource"), defaultScope)
	if why := checkResource(resource); why != "" {
		return asked, refuse(why)
	}
	asked.resource = resource
	return asked, nil
}

// maxResource is more than an application ID URI may have, which is 255 characters.
const maxResource = 512

// checkResource refuses what is no application ID URI. White space would make several scopes of it.
func checkResource(resource string) (why string) {
	const example = `: give an application ID URI, such as "https://vault.azure.net"`
	foreign := func(c rune) bool { return c <= ' ' || c > '~' }
	switch {
	case resource == "":
		return "resource is missing" + example
	case len(resource) > maxResource, strings.ContainsFunc(resource, foreign):
		return "resource is no URI" + example
	case contract.IsGUID(resource):
		return ""
	}
	if u, err := url.Parse(resource); err != nil || u.Scheme == "" {
		return "resource is no URI" + example
	}
	return ""
}

// fromPod refuses requests that may come from elsewhere: by way of a proxy, as the metadata service does, or from a
// browser that was led to believe that a foreign name is here (DNS rebinding).
func fromPod(r *http.Request) (why string) {
	if r.Header.Get("X-Forwarded-For") != "" {
		return "a request with X-Forwarded-For is refused: ask directly, without a proxy (NO_PROXY=" + contract.MetadataAddress + ")"
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
	return "the host is neither " + contract.MetadataAddress + " nor of loopback"
}

// form is one of the two services.
type form interface {
	name() string
	// authorize checks the header that only a client of the service sends.
	authorize(http.Header) *refusal
	checkVersion(version string) (why string)
	// grant and refusal are the answers' bodies.
	grant(request, accessToken) any
	refusal(*refusal) any
}

// metadataForm is the instance metadata service.
//
// Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#get-a-token-using-http
type metadataForm struct{}

func (metadataForm) name() string { return "metadata service" }

func (metadataForm) authorize(h http.Header) *refusal {
	if !strings.EqualFold(h.Get("Metadata"), "true") {
		return refuse("required metadata header not specified: send Metadata: true")
	}
	return nil
}

var date = regexp.MustCompile(`^20[0-9]{2}-[01][0-9]-[0-3][0-9]$`)

// checkVersion accepts every version: the answers of those that there are do not differ in what is here.
func (metadataForm) checkVersion(version string) (why string) {
	if !date.MatchString(version) {
		return "api-version is missing, or no date: give 2018-02-01"
	}
	return ""
}

// appServiceForm is Azure App Service, with the secret that its clients have.
//
// Source: https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
type appServiceForm struct{ secret string }

func (appServiceForm) name() string { return "App Service" }

func (f appServiceForm) authorize(h http.Header) *refusal {
	if subtle.ConstantTimeCompare([]byte(h.Get("X-IDENTITY-HEADER")), []byte(f.secret)) != 1 {
		return &refusal{status: http.StatusUnauthorized, code: badRequest, text: "X-IDENTITY-HEADER is not the value of IDENTITY_HEADER"}
	}
	return nil
}

func (appServiceForm) checkVersion(version string) (why string) {
	if version != "2019-08-01" {
		return "api-version is not 2019-08-01, the one with IDENTITY_ENDPOINT and IDENTITY_HEADER"
	}
	return ""
}
