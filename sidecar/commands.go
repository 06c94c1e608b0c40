package main

import (
	"os"
	"path/filepath"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/config"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/service"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/termination"
)

// validate prints the effective settings, or ends the process with what is wrong with them.
func validate(o *options) {
	loaded, err := config.Load(o.config())
	if err != nil {
		termination.Report(err)
		os.Exit(contract.ExitUsage)
	}
	loaded.Print(os.Stdout)
	survey(os.Stdout, o, loaded.Certificates)
}

// manage installs or removes the service of Windows.
func manage(args []string) {
	if err := service.Manage(args, filepath.Dir(config.DefaultFile)); err != nil {
		termination.Report(err)
		os.Exit(contract.ExitFailure)
	}
}
