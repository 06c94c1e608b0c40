package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/azhttp"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/commandline"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/health"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/imds"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/listen"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/termination"
)

var metadataAddress = netip.MustParseAddr(contract.MetadataAddress)

// addMetadata parses a value of the flag. Whoever reaches the token endpoint gets the pod's
// identity, so only addresses that the pod's processes alone can reach are allowed.
func (o *options) addMetadata(value string) error {
	address, err := netip.ParseAddrPort(value)
	if err != nil {
		return errors.New("give an IP address and a port, as in 127.0.0.1:8000")
	}
	if ip := address.Addr(); !ip.IsLoopback() && ip != metadataAddress {
		return fmt.Errorf("only the pod's processes may get tokens: give a loopback address, or %s", metadataAddress)
	}
	o.metadata = append(o.metadata, address)
	return nil
}

// imdsInit adds the metadata service's address to the pod, and returns the exit code. Its only flag
// is --help, which must not change the network.
func imdsInit(args []string) int {
	f := flag.NewFlagSet("certsync "+contract.CommandIMDSInit, flag.ContinueOnError)
	f.Usage = func() {
		fmt.Fprintf(f.Output(), "certsync %s adds the address %s to the loopback interface. It needs the capability NET_ADMIN.\n",
			contract.CommandIMDSInit, contract.MetadataAddress)
	}
	switch err := commandline.Parse(f, args, "this command takes no arguments"); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return contract.ExitUsage
	}
	if err := imds.HideFromNeighbours(); err != nil && !errors.Is(err, os.ErrPermission) {
		// The listener keeps neighbours out, too: see package listen.
		fmt.Fprintln(os.Stderr, "certsync: warning:", err)
	}
	if err := imds.AddAddress(metadataAddress); err != nil {
		termination.Report(err)
		return contract.ExitFailure
	}
	return 0
}

// newEndpoint returns the metadata endpoint. Its tokens are always federated, also if those for
// certificates are not.
func newEndpoint(client *azhttp.Client, metrics *health.Metrics, log *slog.Logger) http.Handler {
	identify := federated(contract.Pod, client, metrics)
	return imds.New(imds.Config{
		ClientID: os.Getenv(contract.EnvClientID),
		Header:   os.Getenv(contract.EnvMetadataHeader),
		Credential: func(clientID string) (azcore.TokenCredential, error) {
			id, err := identify(clientID, "")
			return id.Credential, err
		},
		Log: log,
	})
}

// serveMetadata opens the ports of the metadata endpoint, and serves them in the background. It
// passes a later failure to fail.
func serveMetadata(ctx context.Context, o *options, endpoint http.Handler, fail func(error)) error {
	for _, address := range o.metadata {
		l, err := listen.PodOnly(ctx, address)
		if err != nil {
			return fmt.Errorf("metadata endpoint: %w: %s", err, metadataAdvice(err, address))
		}
		go serveOn(ctx, l, endpoint, fail)
	}
	return nil
}

func metadataAdvice(err error, address netip.AddrPort) string {
	switch {
	case errors.Is(err, os.ErrPermission):
		return "the pod's sysctl net.ipv4.ip_unprivileged_port_start must not be above the port"
	case address.Addr() == metadataAddress:
		return "the init container " + contract.IMDSContainerName + " must have added the address to the pod, and no container may " +
			"listen on the port on all addresses"
	default:
		return "set another port with the annotation " + contract.AnnotationProxySidecarPort
	}
}
