package control

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/commandline"
)

// CommandProbe is the command for probes.
const CommandProbe = "probe"

// Probe queries the running process, prints the reason and returns the exit code: whether it is
// ready, or with --live whether its loop runs. With --wait it waits for readiness, and also for a
// process that has not opened its socket yet.
func Probe(args []string) int {
	f := flag.NewFlagSet("certsync "+CommandProbe, flag.ContinueOnError)
	wait := f.Duration("wait", 0, "wait for readiness at most this long")
	live := f.Bool("live", false, "query whether the sync loop runs")
	socket := addSocket(f)
	f.Usage = func() {
		fmt.Fprintf(f.Output(), "certsync %s queries the running process, prints the reason, and exits with 0 if it is ready, else with 1.\n\nFlags:\n",
			CommandProbe)
		f.PrintDefaults()
	}
	switch err := commandline.Parse(f, args, onlyFlags); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return contract.ExitUsage
	}
	path := contract.PathReady
	if *live {
		path = contract.PathLive
	}
	ok, reason := newClient(*socket).query(path, *wait)
	fmt.Println(reason)
	if !ok {
		return contract.ExitFailure
	}
	return 0
}

// onlyFlags is the hint for an unknown argument of a command.
const onlyFlags = "this command takes only flags"

const (
	// responseTime is how long the process may take to respond after the wait.
	responseTime = 500 * time.Millisecond
	// retryPause is the pause between attempts to reach a process that has not started yet, or has
	// ended.
	retryPause = 20 * time.Millisecond
)

// query returns the response of the process. Until the wait is over, it retries if the process does
// not respond or is not ready.
func (c *client) query(path string, wait time.Duration) (ok bool, reason string) {
	deadline := time.Now().Add(wait)
	ctx, cancel := context.WithDeadline(context.Background(), deadline.Add(responseTime))
	defer cancel()
	for {
		left := max(time.Until(deadline), 0)
		status, body, err := c.do(ctx, http.MethodGet, path+"?wait="+left.String())
		ok := status == http.StatusOK
		switch {
		case err == nil && (ok || left == 0):
			return ok, text(body)
		case left == 0:
			return false, c.explain(err)
		}
		time.Sleep(min(retryPause, left))
	}
}
