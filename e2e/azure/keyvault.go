package azure

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// keyvault is the emulated Key Vault service: all vaults of all clouds.
type keyvault struct {
	signer *tokenSigner

	mu     sync.Mutex
	vaults map[string]*vault // by lower-case host
}

// vault is one vault's state, guarded by the service's lock.
type vault struct {
	config  Vault
	grants  []Grant
	secrets map[string]*secret // by lower-case name

	windowEnd  time.Time // of the throttling window
	windowGets int
}

func newKeyVault(signer *tokenSigner) *keyvault {
	return &keyvault{signer: signer, vaults: make(map[string]*vault)}
}

func (*keyvault) name() string { return ServiceKeyVault }

func (kv *keyvault) has(host string) bool {
	kv.mu.Lock()
	defer kv.mu.Unlock()
	return kv.vaults[host] != nil
}

// target is the secret that a path identifies.
type target struct {
	name, version string
	versions      bool // the list of its versions is requested
}

// parsePath parses /secrets/NAME, /secrets/NAME/, /secrets/NAME/VERSION and /secrets/NAME/versions.
func parsePath(path string) (t target, ok bool) {
	parts := strings.Split(strings.TrimSuffix(path, "/"), "/")
	if len(parts) < 3 || len(parts) > 4 || parts[0] != "" || parts[1] != "secrets" || parts[2] == "" {
		return target{}, false
	}
	t.name = parts[2]
	if len(parts) == 4 {
		t.versions = parts[3] == "versions"
		if !t.versions {
			t.version = parts[3]
		}
	}
	return t, true
}

func (*keyvault) operation(r *http.Request) string {
	t, ok := parsePath(r.URL.Path)
	switch {
	case !ok || r.Method != http.MethodGet:
		return OpOther
	case t.versions:
		return OpListVersions
	}
	return OpGetSecret
}

func (*keyvault) isChallenge(r *http.Request) bool { return r.Header.Get("Authorization") == "" }

// apiVersion is the format of the versions of the Key Vault REST API.
var apiVersion = regexp.MustCompile(`^(7\.[0-9]|20[0-9]{2}-[0-9]{2}-[0-9]{2})(-preview(\.[0-9]+)?)?$`)

// secretName is the rule for secret names in the Key Vault API reference.
var secretName = regexp.MustCompile(`^[0-9a-zA-Z-]{1,127}$`)

func (kv *keyvault) serve(r *http.Request) answer {
	kv.mu.Lock()
	defer kv.mu.Unlock()
	v := kv.vaults[hostOnly(r.Host)]
	c := newVaultCall(v, r)
	if code := kv.authenticate(c, r); code != "" {
		return c.answer(code)
	}
	t, ok := parsePath(r.URL.Path)
	switch {
	case v.throttled(time.Now()):
		return c.answer("Throttled")
	case v.config.Firewall:
		return c.answer("ForbiddenByFirewall")
	case r.Method != http.MethodGet:
		return c.answer("MethodNotAllowed")
	case !ok || !secretName.MatchString(t.name):
		return c.answer("BadParameter")
	case !apiVersion.MatchString(r.URL.Query().Get("api-version")):
		return c.answer("BadApiVersion")
	case !v.allows(c.claims.AppID, t.name):
		return c.answer(v.config.Denial)
	case t.versions:
		return v.listVersions(c, t.name)
	}
	return v.getSecret(c, t)
}

// throttled counts a GET, and tells whether it exceeds the vault's limit.
func (v *vault) throttled(now time.Time) bool {
	limit := v.config.Limit
	if limit == nil {
		return false
	}
	if !now.Before(v.windowEnd) {
		v.windowEnd, v.windowGets = now.Add(time.Duration(limit.Window)), 0
	}
	v.windowGets++
	return v.windowGets > limit.Gets
}

func (v *vault) allows(clientID, secret string) bool {
	return slices.ContainsFunc(v.grants, func(g Grant) bool {
		return strings.EqualFold(g.ClientID, clientID) && (g.Secret == "" || strings.EqualFold(g.Secret, secret))
	})
}

// The inner codes that can be configured for callers without a grant.
var denials = []string{"ForbiddenByRbac", "ForbiddenByPolicy", "AccessDenied"}

func (kv *keyvault) putVault(v Vault) error {
	v.Host = strings.ToLower(v.Host)
	if v.Denial == "" {
		v.Denial = denials[0]
	}
	if err := checkVaultHost(v.Host); err != nil {
		return err
	}
	switch {
	case v.Tenant == "":
		return fmt.Errorf("%w: vault %s without a tenant", ErrInvalid, v.Host)
	case !slices.Contains(denials, v.Denial):
		return fmt.Errorf("%w: vault %s: denial %q (want one of %s)", ErrInvalid, v.Host, v.Denial, strings.Join(denials, ", "))
	case v.Limit != nil && (v.Limit.Gets < 1 || v.Limit.Window <= 0):
		return fmt.Errorf("%w: vault %s: a limit needs gets and a window above 0", ErrInvalid, v.Host)
	}
	kv.mu.Lock()
	defer kv.mu.Unlock()
	if old := kv.vaults[v.Host]; old != nil {
		old.config = v // keeps secrets and grants
		return nil
	}
	kv.vaults[v.Host] = &vault{config: v, secrets: make(map[string]*secret)}
	return nil
}

// withVault runs f on a vault, with the lock held.
func (kv *keyvault) withVault(host string, f func(*vault) error) error {
	kv.mu.Lock()
	defer kv.mu.Unlock()
	v := kv.vaults[strings.ToLower(host)]
	if v == nil {
		return fmt.Errorf("%w: vault %q", ErrNotFound, host)
	}
	return f(v)
}

func (kv *keyvault) grant(g Grant) error {
	if g.ClientID == "" {
		return fmt.Errorf("%w: grant on %s without a client ID", ErrInvalid, g.Vault)
	}
	return kv.withVault(g.Vault, func(v *vault) error {
		v.grants = append(v.grants, g)
		return nil
	})
}

func (kv *keyvault) revoke(g Grant) error {
	return kv.withVault(g.Vault, func(v *vault) error {
		before := len(v.grants)
		v.grants = slices.DeleteFunc(v.grants, func(have Grant) bool {
			return strings.EqualFold(have.ClientID, g.ClientID) && strings.EqualFold(have.Secret, g.Secret)
		})
		if len(v.grants) == before {
			return fmt.Errorf("%w: grant on %s for %s", ErrNotFound, g.Vault, g.ClientID)
		}
		return nil
	})
}
