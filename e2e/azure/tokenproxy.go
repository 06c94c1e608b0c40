package azure

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure/internal/pki"
)

// bindingAudience is the audience of the tokens that AKS identity bindings exchange.
const bindingAudience = "api://AKSIdentityBinding"

// tokenProxy is the proxy of AKS identity bindings between pods and Entra ID's token endpoint. A
// service account can use the identities to which it is bound, so these do not need a federated
// credential for each cluster.
//
// It is selected by the TLS server name. Path and Host header are those of the request to Entra ID.
// Its certificates have a separate CA, which in AKS is the cluster's CA.
type tokenProxy struct {
	*entra
	ca *pki.CA

	mu    sync.Mutex
	names map[string]*tls.Certificate // by lower-case server name
}

func newTokenProxy(en *entra, ca *pki.CA) *tokenProxy {
	return &tokenProxy{entra: en, ca: ca, names: make(map[string]*tls.Certificate)}
}

func (*tokenProxy) name() string { return ServiceTokenProxy }

func (p *tokenProxy) serve(r *http.Request) answer {
	if cloudOfLogin(hostOnly(r.Host)) == nil {
		return jsonAnswer(http.StatusMisdirectedRequest, map[string]string{"error": "invalid_request"})
	}
	return p.serveWith(r, boundCredentials)
}

// boundCredentials returns the credentials that the proxy accepts, as
// [Application.FederatedCredentials] are those that Entra ID accepts.
func boundCredentials(a Application) []FederatedCredential { return a.IdentityBindings }

// serverName is the rule for DNS names (RFC 1123, section 2.1).
var serverName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$`)

// put adds a server name to the proxy.
func (p *tokenProxy) put(name string) error {
	name = strings.ToLower(name)
	if !serverName.MatchString(name) || cloudOfLogin(name) != nil || cloudOfVault(name) != nil {
		return fmt.Errorf("%w: token proxy %q: want a DNS name that is not one of Azure's", ErrInvalid, name)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.names[name] != nil {
		return nil
	}
	certificate, err := p.ca.ServingCertificate([]string{name})
	if err != nil {
		return fmt.Errorf("token proxy %q: %w", name, err)
	}
	p.names[name] = &certificate
	return nil
}

// certificate returns nil for a server name that the proxy does not have.
func (p *tokenProxy) certificate(name string) *tls.Certificate {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.names[strings.ToLower(name)]
}
