package main

import (
	"path/filepath"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/reload"
)

// announcing is a certsync.Observer that has renewals announced to other processes.
type announcing struct {
	*statusFile
	announcer *reload.Reloader
}

// Report implements certsync.Observer.
func (a announcing) Report(r certsync.Report) {
	a.statusFile.Report(r)
	a.announcer.Report(r)
}

// beside returns the path of a file in the socket's directory: in a pod that is a volume of the sidecar's own
// that outlives its containers, and ends with the pod.
func (o options) beside(name string) string { return filepath.Join(filepath.Dir(o.socket), name) }

// announcedFile has what renewals were announced.
const announcedFile = "announced.json"
