package azure

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure/internal/pki"
)

// Options of a new emulator; the zero value is an emulator without any state.
type Options struct {
	// Config is applied before New returns.
	Config Config
	// CADir is the directory for the certificates and keys of the CAs (tls-ca.pem, issuer-ca.pem
	// and token-proxy-ca.pem), so that they outlive the process. Missing files are created. Empty
	// means new CAs that are not saved.
	CADir string
	// Logger gets a debug line for each request. Nil logs nothing.
	Logger *slog.Logger
}

// Emulator is an emulated Entra ID and Key Vault. It implements [Control]. Its
// methods are safe for concurrent use.
type Emulator struct {
	log      *slog.Logger
	tlsCA    *pki.CA
	issuer   *pki.Hierarchy
	serving  tls.Certificate
	entra    *entra
	proxy    *tokenProxy
	keyvault *keyvault
	faults   *faultSet
	journal  *journal
	server   *http.Server

	mu          sync.Mutex
	addr        net.Addr // of the first listener
	dial        func(context.Context) (net.Conn, error)
	cutOff      map[string]bool  // by host
	shown       map[string]shown // by host, with Present
	connections int              // so far

	confidential confidential
}

var _ Control = (*Emulator)(nil)

// New creates an emulator. It does not serve until Start or Serve is called.
func New(o Options) (*Emulator, error) {
	cas, err := loadCAs(o.CADir)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	tlsCA := cas[tlsCAName]
	hierarchy, err := pki.NewHierarchy(cas[issuerCAName])
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	serving, err := tlsCA.ServingCertificate(servingNames())
	if err != nil {
		return nil, fmt.Errorf("https certificate: %w", err)
	}
	signer := newTokenSigner()
	entra := newEntra(signer)
	e := &Emulator{
		log:      o.Logger,
		tlsCA:    tlsCA,
		issuer:   hierarchy,
		serving:  serving,
		entra:    entra,
		proxy:    newTokenProxy(entra, cas[proxyCAName]),
		keyvault: newKeyVault(signer),
		faults:   newFaultSet(),
		journal:  newJournal(),
		cutOff:   make(map[string]bool),
		shown:    make(map[string]shown),
	}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	e.server = e.newServer()
	if err := e.Apply(context.Background(), o.Config); err != nil {
		return nil, err
	}
	return e, nil
}

// Names of the CAs in their certificates. Together with caFile they are also the file names.
const (
	tlsCAName    = "Emulated Azure TLS CA"
	issuerCAName = "Emulated Vault Root CA"
	proxyCAName  = "Emulated Token Proxy CA"
)

var caFile = map[string]string{tlsCAName: "tls-ca.pem", issuerCAName: "issuer-ca.pem", proxyCAName: "token-proxy-ca.pem"}

// loadCAs returns the CAs by name.
func loadCAs(dir string) (map[string]*pki.CA, error) {
	cas := make(map[string]*pki.CA)
	for name, file := range caFile {
		var err error
		if dir == "" {
			cas[name], err = pki.NewRoot(name)
		} else {
			cas[name], err = pki.LoadOrCreateRoot(filepath.Join(dir, file), name)
		}
		if err != nil {
			return nil, err
		}
	}
	return cas, nil
}

// CACertPEM returns the CA of the emulator's HTTPS certificates, as in [Roots].
func (e *Emulator) CACertPEM() []byte { return e.tlsCA.CertPEM() }

// IssuerRootPEM returns the root of the chains that vaults issue, as in [Roots].
func (e *Emulator) IssuerRootPEM() []byte { return e.issuer.Root.CertPEM() }

// Roots implements [Control].
func (e *Emulator) Roots(context.Context) (Roots, error) {
	return Roots{TLS: string(e.CACertPEM()), Issuer: string(e.IssuerRootPEM()), TokenProxy: string(e.proxy.ca.CertPEM())}, nil
}

// serviceOf returns the service of a host name, or nil. Add a new service here.
func (e *Emulator) serviceOf(host string) service {
	switch {
	case cloudOfLogin(host) != nil:
		return e.entra
	case e.proxy.certificate(host) != nil:
		return e.proxy
	case e.keyvault.has(host):
		return e.keyvault
	}
	return nil
}

// CutOff implements [Control].
func (e *Emulator) CutOff(_ context.Context, host string, off bool) error {
	host = strings.ToLower(host)
	if e.serviceOf(host) == nil {
		return fmt.Errorf("%w: host %q has no service", ErrNotFound, host)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cutOff[host] = off
	return nil
}

func (e *Emulator) isCutOff(host string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.cutOff[host]
}
