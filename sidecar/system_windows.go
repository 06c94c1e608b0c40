package main

import (
	"path/filepath"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certfiles"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/config"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/winstore"
)

// onWindows is whether the program is always on a host.
const onWindows = true

// defaultSocket is the socket for probes, beside the default settings file.
var defaultSocket = filepath.Join(filepath.Dir(config.DefaultFile), "certsync.sock")

// stores keep certificates in the certificate stores of Windows.
type stores struct {
	*winstore.Stores[certfiles.Content]
}

func newStores(options, string) stores {
	return stores{winstore.New((*certfiles.Content).Bundle)}
}

// SetPasswordFile does nothing: keystores, which have passwords, are files.
func (stores) SetPasswordFile(string) {}
