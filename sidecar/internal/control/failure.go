package control

import (
	"errors"
	"fmt"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/azhttp"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/bundle"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/credential"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/keyvault"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/store"
)

// failureOf returns nil if the certificate has not failed.
func failureOf(c certsync.Status) *contract.Failure {
	if c.Err == nil {
		return nil
	}
	f := &contract.Failure{Time: c.ErrTime.UTC().Truncate(time.Second), Message: c.Err.Error()}
	f.Reason = reasonOf(c.Err)
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

// reasonOf returns the reason of an error of the loop, by its type.
func reasonOf(err error) string {
	for _, known := range []struct {
		is     func(error) bool
		reason string
	}{
		{is[*azhttp.UnreachableError], contract.ReasonUnreachable},
		{is[*azhttp.ThrottledError], contract.ReasonThrottled},
		{is[*keyvault.ForbiddenError], contract.ReasonForbidden},
		{is[*keyvault.RefusedTokenError], contract.ReasonForbidden},
		{is[*keyvault.NotFoundError], contract.ReasonNotFound},
		{is[*keyvault.DisabledError], contract.ReasonDisabled},
		{is[*credential.ConfigError], contract.ReasonNoTokenFile},
		{is[*credential.TokenFileError], contract.ReasonNoTokenFile},
		{is[*credential.EntraError], contract.ReasonNoToken},
		{is[*credential.TenantError], contract.ReasonNoToken},
		{is[*credential.ManagedIdentityError], contract.ReasonNoToken},
		{is[*credential.InvalidResponseError], contract.ReasonNoToken},
		{is[*bundle.Error], contract.ReasonInvalid},
		{is[*store.Error], contract.ReasonStore},
	} {
		if known.is(err) {
			return known.reason
		}
	}
	return contract.ReasonOther
}

func is[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}
