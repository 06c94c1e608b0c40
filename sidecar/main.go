// Command certsync keeps certificates of Azure Key Vault in files: as a sidecar in a pod, or on a host.
//
// It starts from what its stores have, fetches what its settings name, writes it with one atomic swap per
// store, polls for renewals, and answers probes. It never stops because a certificate or a service fails:
// it stays up, keeps the last good files, and says why it is not ready. On SIGTERM it ends at once and
// leaves the files; on SIGHUP it reads the settings file again and polls at once. In a pod, an edit of the
// settings file that cannot be used is refused, also by a container that starts again: it goes on with the
// last settings that it could use, kept beside the socket. With --metadata it also gives the pod's apps tokens, as Azure's
// metadata service does, and then needs no certificates.
//
// Usage:
//
//	certsync [flags]                     sync and keep in sync
//	certsync --once [flags]              sync, then exit with 0, or with 1 and the reason
//	certsync --check [flags]             validate the settings without a network and print the effective ones
//	certsync probe [--wait 9s] [--live]  ask the running process; prints the reason, exits with 0 if ready
//	certsync imds-init                   give the metadata service's address to the loopback interface, then exit
//	certsync --version | --help
//
// Exit codes: 0 success; 1 failure at run time, or not ready; 2 wrong flags or settings.
//
// Flags:
//
//	--settings FILE     settings of the Key Vault VM extension, JSON (default: /etc/certsync/settings.json where that exists)
//	--host              run on a host and not in a pod: settings mean what they mean to the extension
//	--status-file FILE  write the status there, in the extension's shape, after every sync
//	--http=false        open no port; probes use the socket (pods in the host's network)
//	--metadata ADDR     give apps tokens by HTTP on this address of loopback or 169.254.169.254; may be repeated
//	--socket FILE       unix socket for probes (default: /run/certsync/certsync.sock)
//
// Variables:
//
//	CERTSYNC_SETTINGS           settings, JSON; with a settings file: what overrides it
//	CERTSYNC_EXTRA_CA           PEM certificates to trust beside the system's
//	CERTSYNC_ALLOWED_VAULTS     DNS suffixes that vaults must be under, separated by commas (default: the three public clouds')
//	AZURE_CLIENT_ID             client ID of the federated application or identity; msiClientId and an entry's clientId win
//	AZURE_TENANT_ID             its tenant; an entry's tenantId wins
//	AZURE_FEDERATED_TOKEN_FILE  the projected service-account token
//	AZURE_AUTHORITY_HOST        Entra ID (default: https://login.microsoftonline.com/)
//	CERTSYNC_METADATA_HEADER    with --metadata: the value of IDENTITY_HEADER that apps have, for App Service's form
//	AZURE_KUBERNETES_*          AKS identity bindings: TOKEN_PROXY, SNI_NAME, CA_FILE, CA_DATA
//	HTTPS_PROXY, NO_PROXY       as usual
//	GOGC, GOMEMLIMIT            the Go runtime's; set to suit the container's limits where not given
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// version is set by the linker.
var version = "dev"

// Exit codes.
const (
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "probe":
			os.Exit(probe(os.Args[2:]))
		case contract.CommandIMDSInit:
			os.Exit(imdsInit(os.Args[2:]))
		}
	}
	o, err := parseOptions(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		os.Exit(exitUsage) // flag has said why
	case o.version:
		fmt.Println("certsync", version)
		return
	}
	settings, err := startSettings(o)
	if err != nil {
		terminate(err)
		os.Exit(exitUsage)
	}
	if o.check {
		printEffective(os.Stdout, settings)
		return
	}
	if err := run(o, settings); err != nil {
		terminate(err)
		os.Exit(exitFailure)
	}
}
