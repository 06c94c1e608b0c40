package azure

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure/internal/pki"
)

// secret is a named secret with its versions, oldest first.
type secret struct {
	name     string
	spec     *Certificate // specification for renewals; nil if the emulator did not issue it
	versions []*secretVersion
}

type secretVersion struct {
	id          string
	value       string
	contentType string
	managed     bool
	enabled     bool
	notBefore   time.Time // zero: the attribute is absent
	notAfter    time.Time
	created     time.Time
	updated     time.Time

	key   crypto.Signer       // of an issued certificate
	chain []*x509.Certificate // of an issued certificate, leaf first
}

// newVersionID returns 32 random hexadecimal digits.
func newVersionID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func (s *secret) newest() *secretVersion { return s.versions[len(s.versions)-1] }

// find returns the version with this ID, the newest version for an empty ID, or nil.
func (s *secret) find(id string) *secretVersion {
	if id == "" {
		return s.newest()
	}
	for _, v := range s.versions {
		if v.id == id {
			return v
		}
	}
	return nil
}

// getSecret returns a secret bundle. As Key Vault, it also returns a secret outside of its nbf and
// exp. Without a version it selects the newest version, even if that is disabled.
func (v *vault) getSecret(c *vaultCall, t target) answer {
	var found *secretVersion
	s := v.secrets[strings.ToLower(t.name)]
	if s != nil {
		found = s.find(t.version)
	}
	switch {
	case found == nil:
		return c.answer("SecretNotFound")
	case !found.enabled:
		return c.answer("SecretDisabled")
	}
	body := found.properties(v.config.Host, s.name)
	body["value"] = found.value
	a := jsonAnswer(http.StatusOK, body)
	a.clientID = c.claims.AppID
	return a
}

// listVersions returns all versions on one page, without values.
func (v *vault) listVersions(c *vaultCall, name string) answer {
	s := v.secrets[strings.ToLower(name)]
	if s == nil {
		return c.answer("SecretNotFound")
	}
	items := make([]map[string]any, 0, len(s.versions))
	for _, version := range s.versions {
		items = append(items, version.properties(v.config.Host, s.name))
	}
	a := jsonAnswer(http.StatusOK, map[string]any{"value": items, "nextLink": nil})
	a.clientID = c.claims.AppID
	return a
}

// properties returns a secret bundle without the value.
func (sv *secretVersion) properties(host, name string) map[string]any {
	attributes := map[string]any{
		"enabled": sv.enabled, "created": sv.created.Unix(), "updated": sv.updated.Unix(),
		"recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90,
	}
	if !sv.notBefore.IsZero() {
		attributes["nbf"] = sv.notBefore.Unix()
	}
	if !sv.notAfter.IsZero() {
		attributes["exp"] = sv.notAfter.Unix()
	}
	body := map[string]any{"id": secretURL(host, name, sv.id), "attributes": attributes}
	if sv.contentType != "" {
		body["contentType"] = sv.contentType
	}
	if sv.managed {
		body["managed"] = true
		body["kid"] = fmt.Sprintf("https://%s/keys/%s/%s", host, name, sv.id)
	}
	return body
}

func secretURL(host, name, version string) string {
	return fmt.Sprintf("https://%s/secrets/%s/%s", host, name, version)
}

// info returns the version in the form of Control.
func (sv *secretVersion) info(host, name string) Version {
	v := Version{
		URL: secretURL(host, name, sv.id), Vault: host, Name: name, Version: sv.id,
		Enabled: sv.enabled, Created: sv.created,
	}
	if len(sv.chain) > 0 {
		leaf := sv.chain[0]
		v.Serial = leaf.SerialNumber.Text(16)
		v.NotBefore, v.NotAfter = leaf.NotBefore, leaf.NotAfter
		v.ChainPEM = pki.EncodeChain(sv.chain)
	}
	return v
}

// add stores a version under a name. The name keeps the spelling of its first version.
func (v *vault) add(name string, spec *Certificate, sv *secretVersion) Version {
	s := v.secrets[strings.ToLower(name)]
	if s == nil {
		s = &secret{name: name}
		v.secrets[strings.ToLower(name)] = s
	}
	s.spec = spec
	s.versions = append(s.versions, sv)
	return sv.info(v.config.Host, s.name)
}
