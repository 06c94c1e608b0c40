package azure

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Apply implements [Control].
func (e *Emulator) Apply(ctx context.Context, c Config) error {
	if c.Tokens != nil {
		e.entra.setTokens(*c.Tokens)
	}
	steps := []func() error{
		func() error { return each(c.Issuers, e.entra.putIssuer) },
		func() error { return each(c.Applications, e.entra.putApplication) },
		func() error { return each(c.TokenProxies, e.proxy.put) },
		func() error { return each(c.Vaults, e.keyvault.putVault) },
		func() error { return each(c.Grants, e.keyvault.grant) },
		func() error {
			return each(c.Certificates, func(c Certificate) error { _, err := e.CreateCertificate(ctx, c); return err })
		},
		func() error {
			return each(c.Secrets, func(s Secret) error { _, err := e.CreateSecret(ctx, s); return err })
		},
		func() error {
			return each(c.Faults, func(f Fault) error { _, err := e.InjectFault(ctx, f); return err })
		},
	}
	return each(steps, func(step func() error) error { return step() })
}

func each[T any](items []T, put func(T) error) error {
	for _, item := range items {
		if err := put(item); err != nil {
			return err
		}
	}
	return nil
}

// DeleteApplication implements [Control].
func (e *Emulator) DeleteApplication(_ context.Context, clientID string) error {
	return e.entra.deleteApplication(clientID)
}

// Revoke implements [Control].
func (e *Emulator) Revoke(_ context.Context, g Grant) error { return e.keyvault.revoke(g) }

// CreateSecret implements [Control].
func (e *Emulator) CreateSecret(_ context.Context, s Secret) (Version, error) {
	if !secretName.MatchString(s.Name) {
		return Version{}, fmt.Errorf("%w: secret %q: the name must be 1 to 127 letters, digits and hyphens", ErrInvalid, s.Name)
	}
	now := time.Now().Truncate(time.Second)
	sv := &secretVersion{
		id: newVersionID(), value: s.Value, contentType: s.ContentType, managed: s.Managed, enabled: !s.Disabled,
		notBefore: s.NotBefore, notAfter: s.NotAfter, created: now, updated: now,
	}
	var info Version
	err := e.keyvault.withVault(s.Vault, func(v *vault) error {
		info = v.add(s.Name, nil, sv)
		return nil
	})
	return info, err
}

// Versions implements [Control].
func (e *Emulator) Versions(_ context.Context, ref SecretRef) ([]Version, error) {
	var list []Version
	err := e.keyvault.withSecret(ref, func(s *secret, _ *secretVersion) error {
		for _, v := range s.versions {
			if ref.Version == "" || ref.Version == v.id {
				list = append(list, v.info(strings.ToLower(ref.Vault), s.name))
			}
		}
		return nil
	})
	return list, err
}

// SetEnabled implements [Control].
func (e *Emulator) SetEnabled(_ context.Context, ref SecretRef, enabled bool) error {
	return e.keyvault.withSecret(ref, func(_ *secret, v *secretVersion) error {
		v.enabled, v.updated = enabled, time.Now().Truncate(time.Second)
		return nil
	})
}

// Delete implements [Control].
func (e *Emulator) Delete(_ context.Context, ref SecretRef) error {
	if ref.Version != "" {
		return fmt.Errorf("%w: a single version cannot be deleted", ErrInvalid)
	}
	if err := e.keyvault.withSecret(ref, func(*secret, *secretVersion) error { return nil }); err != nil {
		return err
	}
	return e.keyvault.withVault(ref.Vault, func(v *vault) error {
		delete(v.secrets, strings.ToLower(ref.Name))
		return nil
	})
}

// withSecret runs f on a secret and the version that ref identifies, with the lock held.
func (kv *keyvault) withSecret(ref SecretRef, f func(*secret, *secretVersion) error) error {
	return kv.withVault(ref.Vault, func(v *vault) error {
		s := v.secrets[strings.ToLower(ref.Name)]
		if s == nil {
			return fmt.Errorf("%w: secret %q of %s", ErrNotFound, ref.Name, ref.Vault)
		}
		found := s.find(ref.Version)
		if found == nil {
			return fmt.Errorf("%w: version %q of secret %q of %s", ErrNotFound, ref.Version, ref.Name, ref.Vault)
		}
		return f(s, found)
	})
}
