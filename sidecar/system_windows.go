package main

import (
	"io"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certfiles"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/winstore"
)

// onWindows is whether the program is always on a host.
const onWindows = true

// stores keep certificates in the certificate stores of Windows.
type stores struct {
	*winstore.Stores[certfiles.Content]
}

func newStores(*options, string) stores {
	return stores{winstore.New((*certfiles.Content).Bundle)}
}

// SetPasswordFile does nothing: keystores, which have passwords, are files.
func (stores) SetPasswordFile(string) {}

// survey prints nothing: a store of Windows has room for every certificate.
func survey(io.Writer, *options, []contract.Certificate) {}
