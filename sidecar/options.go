package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/config"
)

const (
	commandProbe = "probe"
	flagSocket   = "socket"
)

// options are the values of the command line.
type options struct {
	version, once, check bool

	host       bool
	http       bool
	settings   string
	statusFile string
	socket     string
	// metadata are the addresses of the metadata endpoint; without one it is not served.
	metadata []netip.AddrPort
}

func (o options) config() config.Options {
	return config.Options{
		File: o.settings, Host: o.host, NoCertificates: len(o.metadata) > 0, StateDir: o.stateDir(),
	}
}

// stateDir returns the socket's directory. In a pod that is a volume that only the sidecar mounts,
// and that lives as long as the pod.
func (o options) stateDir() string { return filepath.Dir(o.socket) }

// parseOptions parses the flags. It has printed the error and the usage when it returns an error.
// After --help the error is flag.ErrHelp, and only the usage was printed.
func parseOptions(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("certsync", flag.ContinueOnError)
	f.BoolVar(&o.version, "version", false, "print the version and exit")
	f.BoolVar(&o.once, "once", false, "sync, then exit with 0, or with 1 and the reason")
	f.BoolVar(&o.check, "check", false, "validate the settings offline and print the effective ones")
	f.BoolVar(&o.host, "host", onWindows, "run on a host, not in a pod: settings mean the same as for the extension")
	f.BoolVar(&o.http, "http", true, "serve probes, status and metrics on a port in addition to the socket")
	f.StringVar(&o.settings, config.Flag, "", "settings `FILE`, JSON (default: "+config.DefaultFile+" if it exists)")
	f.StringVar(&o.statusFile, "status-file", "", "write the status to this `FILE` after every sync")
	f.Func(contract.FlagMetadata, "issue tokens by HTTP on this `ADDRESS:PORT` of loopback or "+contract.MetadataAddress+"; may be repeated", o.addMetadata)
	f.StringVar(&o.socket, flagSocket, defaultSocket, "unix socket `FILE` for probes")
	f.Usage = func() {
		fmt.Fprintf(f.Output(), "certsync keeps certificates of Azure Key Vault in files.\n\n"+
			"  certsync [flags]\n  certsync %s [--wait DURATION] [--live] [--%s FILE]\n  certsync %s\n\nFlags:\n",
			commandProbe, flagSocket, contract.CommandIMDSInit)
		f.PrintDefaults()
		fmt.Fprintln(f.Output(), "\nVariables: "+strings.Join([]string{
			contract.EnvSettings, contract.EnvExtraCA, contract.EnvAllowedVaults, contract.EnvClientID, contract.EnvTenantID,
			contract.EnvFederatedTokenFile, contract.EnvAuthorityHost, contract.EnvMetadataHeader,
		}, ", "))
	}
	err := parseFlags(f, args, fmt.Sprintf("the commands are %q and %q, and come first", commandProbe, contract.CommandIMDSInit))
	return o, err
}

// parseFlags parses flags and accepts no other arguments. The output of --help goes to standard
// output, an error with the usage to standard error.
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
	_, _ = text.WriteTo(out) // a failure cannot be reported
	return err
}
