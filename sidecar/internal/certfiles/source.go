package main

import (
	"context"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/bundle"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/keyvault"
)

// source is the certsync.Source: Key Vault's secrets, checked by package bundle.
type source struct {
	vaults *keyvault.Client
}

// material is the certsync.Fetched.Content: a secret that is opened when it is first needed. Most polls
// find the version that the store has and never do.
type material struct {
	secret keyvault.Secret
	opened *bundle.Bundle
}

func (m *material) open() (*bundle.Bundle, error) {
	if m.opened == nil {
		b, err := bundle.Parse(m.secret.Value, m.secret.ContentType)
		if err != nil {
			return nil, err
		}
		m.opened = b
	}
	return m.opened, nil
}

// Fetch implements certsync.Source.
func (s *source) Fetch(ctx context.Context, c contract.Certificate, have string) (certsync.Fetched, error) {
	secret, err := s.vaults.Get(ctx, keyvault.Ref{
		VaultURL: c.VaultURL, Name: c.Name, Version: c.Version, ClientID: c.ClientID, TenantID: c.TenantID,
	})
	if err != nil {
		return certsync.Fetched{}, err
	}
	m := &material{secret: secret}
	fetched := certsync.Fetched{Version: secret.Version, Content: m}
	if secret.Version == have {
		return fetched, nil
	}
	b, err := m.open()
	if err != nil {
		return certsync.Fetched{}, err
	}
	fetched.Leaf = certsync.Leaf{Fingerprint: b.Fingerprint(), NotBefore: b.NotBefore(), NotAfter: b.NotAfter()}
	return fetched, nil
}
