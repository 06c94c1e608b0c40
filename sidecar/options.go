package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// options are what the command line says.
type options struct {
	version, once, check bool

	host       bool
	http       bool
	settings   string
	statusFile string
	socket     string
	// metadata are addresses of the metadata endpoint; none: there is no such endpoint.
	metadata []netip.AddrPort
}

// parseOptions reads the flags. After an error it has printed the error and the usage, or after --help, which is
// flag.ErrHelp, the usage alone.
func parseOptions(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("certsync", flag.ContinueOnError)
	f.BoolVar(&o.version, "version", false, "print the version and exit")
	f.BoolVar(&o.once, "once", false, "sync, then exit with 0, or with 1 and the reason")
	f.BoolVar(&o.check, "check", false, "validate the settings without a network and print the effective ones")
	f.BoolVar(&o.host, "host", false, "run on a host and not in a pod: settings mean what they mean to the extension")
	f.BoolVar(&o.http, "http", true, "serve probes, status and metrics on a port, too, and not only on the socket")
	f.StringVar(&o.settings, "settings", "", "settings `FILE`, JSON (default: "+contract.SettingsFile+" where that exists)")
	f.StringVar(&o.statusFile, "status-file", "", "write the status to this `FILE` after every sync")
	f.Func(contract.FlagMetadata, "give apps tokens by HTTP on this `ADDRESS:PORT` of loopback or "+contract.MetadataAddress+"; may be repeated", o.addMetadata)
	f.StringVar(&o.socket, "socket", contract.Socket, "unix socket `FILE` for probes")
	f.Usage = func() {
		fmt.Fprintln(f.Output(), "certsync keeps certificates of Azure Key Vault in files.\n\n"+
			"  certsync [flags]\n  certsync probe [--wait DURATION] [--live] [--socket FILE]\n  certsync "+contract.CommandIMDSInit+"\n\nFlags:")
		f.PrintDefaults()
		fmt.Fprintln(f.Output(), "\nVariables: "+contract.EnvSettings+", "+contract.EnvExtraCA+", "+contract.EnvAllowedVaults+
			", "+contract.EnvClientID+", "+contract.EnvTenantID+", "+contract.EnvFederatedTokenFile+", "+contract.EnvAuthorityHost+", "+contract.EnvMetadataHeader)
	}
	return o, parseFlags(f, args, `the commands are "probe" and "`+contract.CommandIMDSInit+`", which come first`)
}

// parseFlags reads flags, and nothing beside them. What --help asks for goes to standard output; what is wrong, with the
// usage, to standard error.
func parseFlags(f *flag.FlagSet, args []string, hint string) error {
	var text bytes.Buffer
	f.SetOutput(&text)
	err := f.Parse(args)
	if err == nil && f.NArg() > 0 {
		err = fmt.Errorf("unknown argument %q: %s", f.Arg(0), hint)
		fmt.Fprintln(&text, err)
		f.Usage()
	}
	out := os.Stderr
	if errors.Is(err, flag.ErrHelp) {
		out = os.Stdout
	}
	_, _ = text.WriteTo(out) // there is nowhere to say that it failed
	return err
}
