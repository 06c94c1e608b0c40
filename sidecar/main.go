// Command certsync keeps certificates of Azure Key Vault in files: as a sidecar in a pod, or on a
// host.
//
// It starts from the files in its stores, fetches the certificates that its settings name, replaces
// the files of a store with one atomic swap, polls for renewals, and answers probes. It does not
// stop because a certificate or a service fails: it keeps the last good files and reports why it is
// not ready. On SIGTERM it exits at once and keeps the files; on SIGHUP it reads the settings file
// again and polls at once. In a pod, it refuses an edit of the settings file that cannot be used. A
// container that restarts then continues with the last known good settings, which are saved beside
// the socket; it does not parse an edit again with which it died. With --metadata it also issues
// tokens to the pod's apps, like Azure's metadata service, and needs no certificates.
//
// Usage:
//
//	certsync [flags]                     sync and keep in sync
//	certsync --once [flags]              sync, then exit with 0, or with 1 and the reason
//	certsync --check [flags]             validate the settings offline and print the effective ones
//	certsync probe [--wait 9s] [--live]  query the running process; exit with 0 if it is ready
//	certsync status [-o json] [--chain]  print the state of the running process's certificates
//	certsync sync                        let the running process poll now, and wait for the outcome
//	certsync imds-init                   add the metadata service's address to loopback, then exit
//	certsync service install [flags]     install the service (Windows; "uninstall" removes it)
//	certsync --version | --help
//
// Exit codes: 0 success; 1 failure at run time, or not ready; 2 wrong flags or settings.
//
// Flags:
//
//	--settings FILE     settings, JSON (default: /etc/certsync/settings.json if it exists), or the VM
//	                    extension's config directory with its <sequence number>.settings
//	--host              run on a host, not in a pod: settings mean the same as for the VM extension.
//	                    As a service of systemd with Type=notify, it is started once it is ready
//	--adopt             with --host: replace the links of the VM extension in the stores
//	--status-file FILE  write the status to this file, in the extension's format, after every sync
//	--status-dir DIR    the same as <sequence number>.status, as the extension does; 0 for a FILE
//	--log-file FILE     write the log to this file, too; it may be rotated at any time
//	--http=false        open no port; probes use the socket (pods with hostNetwork)
//	--metadata ADDR     issue tokens by HTTP on this loopback address or 169.254.169.254
//	--socket FILE       unix socket for probes (default: /run/certsync/certsync.sock)
//
// Variables:
//
//	CERTSYNC_SETTINGS           settings, JSON; with a settings file: what overrides it
//	CERTSYNC_EXTRA_CA           PEM certificates to trust in addition to the system's
//	CERTSYNC_ALLOWED_VAULTS     DNS suffixes of vaults, by commas (default: the three public clouds)
//	AZURE_CLIENT_ID             the federated application or identity; clientId, msiClientId win
//	AZURE_TENANT_ID             its tenant; tenantId wins
//	AZURE_FEDERATED_TOKEN_FILE  the projected service-account token
//	AZURE_AUTHORITY_HOST        Entra ID (default: https://login.microsoftonline.com/)
//	CERTSYNC_METADATA_HEADER    with --metadata: the apps' IDENTITY_HEADER (App Service's protocol)
//	AZURE_KUBERNETES_*          AKS identity bindings: TOKEN_PROXY, SNI_NAME, CA_FILE, CA_DATA
//	HTTPS_PROXY, NO_PROXY       as usual
//	GOGC, GOMEMLIMIT            of the Go runtime (GOMEMLIMIT: 90 % of the cgroup's limit)
//	GOMAXPROCS                  of the Go runtime (default: 1)
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract/buildinfo"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/config"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/control"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/service"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/termination"
)

func main() {
	args, asService := service.Args(os.Args[1:])
	if len(args) > 0 && !asService {
		switch args[0] {
		case control.CommandProbe:
			os.Exit(control.Probe(args[1:]))
		case contract.CommandStatus:
			os.Exit(control.Status(args[1:]))
		case contract.CommandSync:
			os.Exit(control.Sync(args[1:]))
		case contract.CommandIMDSInit:
			os.Exit(imdsInit(args[1:]))
		case service.Command:
			manage(args[1:])
			return
		}
	}
	o, err := parseOptions(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		os.Exit(contract.ExitUsage) // the error and the usage were printed
	case o.version:
		fmt.Println("certsync", buildinfo.Get())
		return
	}
	setMemoryLimit(memlimit.FromCgroup)
	tuneRuntime()
	if o.check {
		validate(o)
		return
	}
	code := contract.ExitUsage // until the settings are loaded
	err = service.Run(asService, func(ctx context.Context) error {
		loaded, err := config.AtStart(o.config())
		if err != nil {
			return err
		}
		code = contract.ExitFailure
		if err = run(ctx, o, loaded); err != nil {
			loaded.EndParsing(o.config())
		}
		return err
	})
	if err != nil {
		termination.Report(err)
		os.Exit(code)
	}
}
