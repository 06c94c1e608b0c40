package certsync

import (
	"fmt"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// expiredError is the failure of a certificate whose newest version has expired, while the
// installed version is still valid. Only the dates of the leaf count: Key Vault's attribute "exp"
// of a secret is for information.
//
// Source: https://learn.microsoft.com/azure/key-vault/secrets/about-secrets#secret-attributes
type expiredError struct{ newest, installed Installed }

func (e *expiredError) Error() string {
	return fmt.Sprintf("the newest version in the vault, %s, expired at %s: version %s, valid until %s, stays installed: "+
		"renew the certificate in the vault, so that its newest version is valid",
		e.newest.Version, e.newest.Leaf.NotAfter.UTC().Format(time.RFC3339),
		e.installed.Version, e.installed.Leaf.NotAfter.UTC().Format(time.RFC3339))
}

// Permanent reports that a retry cannot succeed before someone renews the certificate.
func (e *expiredError) Permanent() bool { return true }

// FailureReason implements certsync's behaviour of errors.
func (*expiredError) FailureReason() string { return contract.ReasonInvalid }

// outlives reports that the version is valid and another one has expired.
func (in *Installed) outlives(other Installed) bool {
	t := now()
	return other.Leaf.NotAfter.Before(t) && in.Leaf.NotAfter.After(t) && !in.Leaf.NotBefore.After(t.Add(skew))
}
