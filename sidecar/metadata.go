package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/azhttp"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/health"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/imds"
)

var metadataAddress = netip.MustParseAddr(contract.MetadataAddress)

// addMetadata reads a value of the flag. A token endpoint that others than the pod's own processes reach would give them the
// pod's identity, so that no other address is allowed.
func (o *options) addMetadata(value string) error {
	address, err := netip.ParseAddrPort(value)
	if err != nil {
		return errors.New("give an IP address and a port, as in 127.0.0.1:8000")
	}
	if ip := address.Addr(); !ip.IsLoopback() && ip != metadataAddress {
		return fmt.Errorf("tokens are for the pod's own processes: give an address of loopback, or %s", metadataAddress)
	}
	o.metadata = append(o.metadata, address)
	return nil
}

// imdsInit gives the metadata service's address to the pod, and returns the exit code. It takes no flags but --help, which
// must not change the network.
func imdsInit(args []string) int {
	f := flag.NewFlagSet("certsync "+contract.CommandIMDSInit, flag.ContinueOnError)
	f.Usage = func() {
		fmt.Fprintln(f.Output(), "certsync "+contract.CommandIMDSInit+" gives the address "+contract.MetadataAddress+
			" to the loopback interface, which takes the capability NET_ADMIN.")
	}
	switch err := parseFlags(f, args, "it takes none"); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return exitUsage
	}
	if err := imds.AddAddress(metadataAddress); err != nil {
		terminate(err)
		return exitFailure
	}
	return 0
}

// newEndpoint returns the metadata endpoint. Its tokens are federated ones, wherever those for certificates come from.
func newEndpoint(client *azhttp.Client, metrics *health.Metrics, log *slog.Logger) http.Handler {
	identify := federated(client, metrics)
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

// serveMetadata opens the ports of the metadata endpoint and answers on them in the background. A failure later on goes to
// fail.
func serveMetadata(ctx context.Context, o options, endpoint http.Handler, fail func(error)) error {
	for _, address := range o.metadata {
		l, err := net.Listen("tcp", address.String())
		if err != nil {
			return fmt.Errorf("metadata endpoint: %w: %s", err, metadataAdvice(err, address))
		}
		go answer(ctx, l, endpoint, fail)
	}
	return nil
}

func metadataAdvice(err error, address netip.AddrPort) string {
	switch {
	case errors.Is(err, os.ErrPermission):
		return "the pod's sysctl net.ipv4.ip_unprivileged_port_start must not be above the port"
	case address.Addr() == metadataAddress:
		return "the address is one of the pod's own once the init container " + contract.IMDSContainerName + " has run, and no container may " +
			"listen on the port at all addresses"
	default:
		return "another port is set by the annotation " + contract.AnnotationProxySidecarPort
	}
}
