package main

import (
	"errors"
	"flag"
	"fmt"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/probe"
)

// runProbe queries the running process, prints the reason and returns the exit code: whether it is
// ready, or with --live whether its loop runs. With --wait it waits for readiness, and also for a
// process that has not opened its socket yet.
func runProbe(args []string) int {
	f := flag.NewFlagSet("certsync "+commandProbe, flag.ContinueOnError)
	wait := f.Duration("wait", 0, "wait for readiness at most this long")
	live := f.Bool("live", false, "query whether the sync loop runs")
	socket := f.String(flagSocket, contract.Socket, "unix socket `FILE` of the running process")
	f.Usage = func() {
		fmt.Fprintf(f.Output(), "certsync %s queries the running process, prints the reason, and exits with 0 if it is ready, else with 1.\n\nFlags:\n",
			commandProbe)
		f.PrintDefaults()
	}
	switch err := parseFlags(f, args, "this command takes only flags"); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return exitUsage
	}
	path := contract.PathReady
	if *live {
		path = contract.PathLive
	}
	ok, reason := probe.Query(*socket, path, *wait)
	fmt.Println(reason)
	if !ok {
		return exitFailure
	}
	return 0
}
