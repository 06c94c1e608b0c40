package main

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/commandline"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/config"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/control"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/statusfile"
)

// options are the values of the command line.
type options struct {
	version, once, check bool

	host     bool
	adopt    bool
	http     bool
	settings string
	status   statusfile.Files
	logFile  string
	socket   string
	// metadata are the addresses of the metadata endpoint; without one it is not served.
	metadata []netip.AddrPort
}

func (o *options) config() config.Options {
	return config.Options{
		File: o.settings, Host: o.host, NoCertificates: len(o.metadata) > 0, StateDir: o.stateDir(),
	}
}

func (o *options) where() contract.Mode {
	if o.host {
		return contract.Host
	}
	return contract.Pod
}

// stateDir returns the socket's directory. In a pod that is a volume that only the sidecar mounts,
// and that lives as long as the pod.
func (o *options) stateDir() string { return filepath.Dir(o.socket) }

// parseOptions parses the flags. It has printed the error and the usage when it returns an error.
// After --help the error is flag.ErrHelp, and only the usage was printed.
func parseOptions(args []string) (*options, error) {
	o := new(options)
	f := flag.NewFlagSet("certsync", flag.ContinueOnError)
	f.BoolVar(&o.version, "version", false, "print the version and exit")
	f.BoolVar(&o.once, "once", false, "sync, then exit with 0, or with 1 and the reason")
	f.BoolVar(&o.check, "check", false, "validate the settings offline and print the effective ones")
	f.BoolVar(&o.host, "host", onWindows, "run on a host, not in a pod: settings mean the same as for the extension")
	f.BoolVar(&o.adopt, "adopt", false, "with --host: replace the links of the VM extension in the stores; their files stay")
	f.BoolVar(&o.http, "http", true, "serve probes, status and metrics on a port in addition to the socket")
	f.StringVar(&o.settings, config.Flag, "", "settings `FILE`, JSON, or config directory of the VM extension (default: "+config.DefaultFile+" if it exists)")
	f.StringVar(&o.status.File, "status-file", "", "write the status to this `FILE` after every sync")
	f.StringVar(&o.status.Dir, "status-dir", "", "write the status to <sequence number of the settings>.status in this `DIRECTORY`")
	f.StringVar(&o.logFile, "log-file", "", "write the log also to this `FILE`; it may be rotated at any time")
	f.Func(contract.FlagMetadata, "issue tokens by HTTP on this `ADDRESS:PORT` of loopback or "+contract.MetadataAddress+"; may be repeated", o.addMetadata)
	f.StringVar(&o.socket, control.FlagSocket, control.DefaultSocket, "unix socket `FILE` for probes")
	f.Usage = func() {
		fmt.Fprintf(f.Output(), "certsync keeps certificates of Azure Key Vault in files.\n\n"+
			"  certsync [flags]\n  certsync %[1]s [--wait DURATION] [--live] [--%[2]s FILE]\n"+
			"  certsync %[3]s [-o json] [--chain] [--%[2]s FILE]\n  certsync %[4]s [--%[2]s FILE]\n  certsync %[5]s\n\nFlags:\n",
			control.CommandProbe, control.FlagSocket, contract.CommandStatus, contract.CommandSync, contract.CommandIMDSInit)
		f.PrintDefaults()
		fmt.Fprintln(f.Output(), "\nVariables: "+strings.Join([]string{
			contract.EnvSettings, contract.EnvExtraCA, contract.EnvAllowedVaults, contract.EnvClientID, contract.EnvTenantID,
			contract.EnvFederatedTokenFile, contract.EnvAuthorityHost, contract.EnvMetadataHeader,
		}, ", "))
	}
	err := commandline.Parse(f, args, "the commands are probe, status, sync and imds-init, and come first")
	if err != nil {
		return o, err
	}
	switch {
	case o.adopt && !o.host:
		err = errors.New("--adopt has no effect without --host: only hosts have links of the VM extension")
	case o.host && len(o.metadata) > 0:
		err = errors.New("--metadata has no use with --host: Azure's machines have the metadata service already")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "certsync:", err)
	}
	return o, err
}
