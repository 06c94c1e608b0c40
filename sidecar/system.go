//go:build !windows

package main

import (
	"io"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certfiles"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/store"
)

// onWindows is whether the program is always on a host.
const onWindows = false

// stores keep certificates in files.
type stores = *certfiles.Stores

func newStores(o *options, passwordFile string) stores {
	return certfiles.NewStores(storeOptions(o), passwordFile)
}

func storeOptions(o *options) store.Options { return store.Options{Private: o.host, Adopt: o.adopt} }

// survey prints what is in the way of certificates on a host.
func survey(w io.Writer, o *options, certificates []contract.Certificate) {
	if o.host {
		certfiles.PrintSurvey(w, certificates, storeOptions(o))
	}
}
