package certfiles

import (
	"context"
	"sync"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/bundle"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/keyvault"
)

// Source is a certsync.Source: it fetches secrets from Key Vault and checks them.
type Source struct {
	vaults *keyvault.Client

	mu sync.Mutex
	// warnings are those of each certificate's last version, by the secret's URL.
	warnings map[string]versionWarnings
}

type versionWarnings struct {
	version string
	texts   []string
}

// NewSource returns a Source.
func NewSource(vaults *keyvault.Client) *Source {
	return &Source{vaults: vaults, warnings: map[string]versionWarnings{}}
}

// Content is a fetched secret. It is parsed when it is first needed: most polls find the version
// that the store has, and do not need it.
type Content struct {
	secret keyvault.Secret
	parsed *bundle.Bundle
}

// Bundle returns the parsed secret.
func (c *Content) Bundle() (*bundle.Bundle, error) {
	if c.parsed == nil {
		b, err := bundle.Parse(c.secret.Value, c.secret.ContentType)
		if err != nil {
			return nil, err
		}
		c.parsed = b
	}
	return c.parsed, nil
}

// Fetch implements certsync.Source. It checks the content of all versions except have.
func (s *Source) Fetch(ctx context.Context, c contract.Certificate, have string) (certsync.Fetched[Content], error) {
	secret, err := s.vaults.Get(ctx, keyvault.Ref{
		VaultURL: c.VaultURL, Name: c.Name, Version: c.Version, ClientID: c.ClientID, TenantID: c.TenantID,
	})
	if err != nil {
		return certsync.Fetched[Content]{}, err
	}
	content := &Content{secret: secret}
	fetched := certsync.Fetched[Content]{Version: secret.Version, Content: content}
	if secret.Version == have {
		fetched.Warnings = s.knownWarnings(c, content)
		return fetched, nil
	}
	b, err := content.Bundle()
	if err != nil {
		return certsync.Fetched[Content]{}, err
	}
	fetched.Leaf = certsync.Leaf{Fingerprint: b.Fingerprint(), NotBefore: b.NotBefore(), NotAfter: b.NotAfter()}
	fetched.Warnings = b.Warnings
	s.remember(c, versionWarnings{secret.Version, b.Warnings})
	return fetched, nil
}

// knownWarnings returns the warnings of the version in the store. After a restart of the process,
// it parses the content once to get them. An error does not matter: the version passed all checks
// when it was installed.
func (s *Source) knownWarnings(c contract.Certificate, content *Content) []string {
	s.mu.Lock()
	known, ok := s.warnings[c.URL]
	s.mu.Unlock()
	if ok && known.version == content.secret.Version {
		return known.texts
	}
	known = versionWarnings{version: content.secret.Version}
	if b, err := content.Bundle(); err == nil {
		known.texts = b.Warnings
	}
	s.remember(c, known)
	return known.texts
}

func (s *Source) remember(c contract.Certificate, w versionWarnings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.warnings[c.URL] = w
}
