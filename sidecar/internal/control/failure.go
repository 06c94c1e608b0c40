package control

import (
	"errors"
	"fmt"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/azhttp"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/credential"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/keyvault"
)

// failureOf returns nil if the certificate has not failed.
func failureOf(c certsync.Status) *contract.Failure {
	if c.Err == nil {
		return nil
	}
	f := &contract.Failure{Time: c.ErrTime.UTC().Truncate(time.Second), Reason: c.FailureReason(), Message: c.Err.Error()}
	if e, ok := errors.AsType[*azhttp.UnreachableError](c.Err); ok {
		f.Host = e.Host
	}
	if e, ok := errors.AsType[*azhttp.ThrottledError](c.Err); ok {
		f.Host = e.Host
	}
	if e, ok := errors.AsType[*credential.EntraError](c.Err); ok {
		f.ClientID = e.Identity.ClientID
		if e.Code != 0 {
			f.Code = fmt.Sprintf("AADSTS%d", e.Code)
		}
		if e.Token != nil {
			f.Token = &contract.TokenClaims{Issuer: e.Token.Issuer, Subject: e.Token.Subject, Audience: e.Token.Audience}
		}
	}
	if e, ok := errors.AsType[*keyvault.ForbiddenError](c.Err); ok {
		f.Code, f.ClientID = e.Code, e.ClientID
	}
	return f
}
