//go:build !windows

package main

import (
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certfiles"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/store"
)

// onWindows is whether the program is always on a host.
const onWindows = false

// defaultSocket is the socket for probes.
const defaultSocket = contract.Socket

// stores keep certificates in files.
type stores = *certfiles.Stores

func newStores(o options, passwordFile string) stores {
	return certfiles.NewStores(store.Options{Private: o.host}, passwordFile)
}
