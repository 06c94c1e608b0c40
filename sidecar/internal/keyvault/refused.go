package keyvault

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// RefusedTokenError is returned if the vault rejects a token that was issued for it. Either the
// token was revoked, or it has expired by the vault's clock, or it is of another tenant than the
// vault.
type RefusedTokenError struct {
	Ref Ref
	// ClientID is the identity of the token.
	ClientID string
	// Code is Key Vault's code, such as "AKV10032", or "Unauthorized" if there is none.
	Code string
	// VaultTenant and TokenTenant are the two tenants if the token is of another tenant; otherwise
	// both are empty.
	VaultTenant, TokenTenant string

	message string
	where   contract.Mode
}

func (e *RefusedTokenError) Error() string {
	if e.VaultTenant != e.TokenTenant {
		return fmt.Sprintf("%s: the vault belongs to tenant %s, and the token of identity %s is of tenant %s (401 %s): "+
			"use an identity of the vault's tenant", e.Ref.URL(), e.VaultTenant, e.ClientID, e.TokenTenant, e.Code)
	}
	remedy := "check the " + e.where.Text("node's", "machine's") + " clock, and whether the vault was moved to another tenant"
	if e.Code == invalidAudience {
		remedy = "the vault and AZURE_AUTHORITY_HOST must belong to the same cloud"
	}
	return fmt.Sprintf("%s: the vault rejects the token of identity %s (401 %s), even a new one: %s%s",
		e.Ref.URL(), e.ClientID, e.Code, remedy, quoted(e.message))
}

// FailureReason implements certsync's behaviour of errors.
func (*RefusedTokenError) FailureReason() string { return contract.ReasonForbidden }

// Codes in the messages of Key Vault.
const (
	invalidAudience = "AKV10022"
	invalidIssuer   = "AKV10032"
)

var (
	// vaultCode is a code at the beginning of a message.
	vaultCode = regexp.MustCompile(`^AKV\d{1,8}\b`)
	// tenantID is the tenant in the issuer of a token.
	tenantID = regexp.MustCompile(`https://[\w.-]+/([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})`)
)

// refusedToken reads the message of Key Vault. For a token of another tenant, it is "AKV10032:
// Invalid issuer. Expected one of <issuers, first that of the vault's tenant>, found <issuer>."
func (v *vault) refusedToken(ref Ref, message string) *RefusedTokenError {
	e := &RefusedTokenError{Ref: ref, ClientID: v.id.ClientID, Code: "Unauthorized", message: message, where: v.where}
	if code := vaultCode.FindString(message); code != "" {
		e.Code = code
	}
	if e.Code != invalidIssuer {
		return e
	}
	expected, found, _ := strings.Cut(message, ", found")
	vault, token := tenantID.FindStringSubmatch(expected), tenantID.FindStringSubmatch(found)
	if vault != nil && token != nil {
		e.VaultTenant, e.TokenTenant = vault[1], token[1]
	}
	return e
}

// RejectedError is returned if Key Vault refuses the request itself, for a reason that this package
// has no other error for.
type RejectedError struct {
	Ref    Ref
	Status int
	// Code is Key Vault's error code, such as "BadParameter".
	Code string

	message string
}

func (e *RejectedError) Error() string {
	remedy := "change what the message names"
	switch e.Status {
	case http.StatusBadRequest:
		remedy = "correct what its message names, usually the name or version of the secret"
	case http.StatusConflict:
		remedy = "if the certificate is being deleted or recovered, wait for that; the request is retried"
	}
	return fmt.Sprintf("%s: Key Vault refuses the request (%d %s): %s%s", e.Ref.URL(), e.Status, e.Code, remedy, quoted(e.message))
}

// Permanent reports that a retry cannot succeed before someone corrects the settings.
func (e *RejectedError) Permanent() bool { return e.Status == http.StatusBadRequest }
