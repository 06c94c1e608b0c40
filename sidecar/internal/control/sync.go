package control

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/commandline"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/health"
)

// paceNotice is the time after which a command that waits for its poll explains why.
const paceNotice = 2 * time.Second

// Sync requests a poll, waits for it, prints the outcome, and returns the exit code: 0 if every
// certificate is in the store and up to date.
func Sync(args []string) int {
	f := flag.NewFlagSet("certsync "+contract.CommandSync, flag.ContinueOnError)
	socket := addSocket(f)
	f.Usage = func() {
		fmt.Fprintf(f.Output(), "certsync %s lets the running process read its settings and fetch all certificates now, and waits for the outcome.\n"+
			"It exits with 0 if every certificate is in the store and up to date, else with 1.\n\nFlags:\n", contract.CommandSync)
		f.PrintDefaults()
	}
	switch err := commandline.Parse(f, args, onlyFlags); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return contract.ExitUsage
	}
	notice := time.AfterFunc(paceNotice, func() {
		fmt.Fprintln(os.Stderr, "certsync: waiting: the process starts at most one requested poll in ten seconds")
	})
	defer notice.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), health.ResponseTimeout)
	defer cancel()
	c := newClient(*socket)
	status, body, err := c.do(ctx, http.MethodPost, health.PathSync)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "certsync:", c.explain(err))
		return contract.ExitFailure
	case status != http.StatusOK:
		fmt.Println(text(body))
		return contract.ExitFailure
	}
	fmt.Println(text(body))
	return 0
}
