package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// probe queries the running process, prints the reason and returns the exit code: whether it is
// ready, or with --live whether its loop runs. With --wait it waits for readiness, and also for a
// process that has not opened its socket yet.
func probe(args []string) int {
	f := flag.NewFlagSet("certsync "+commandProbe, flag.ContinueOnError)
	wait := f.Duration("wait", 0, "wait for readiness at most this long")
	live := f.Bool("live", false, "query whether the sync loop runs")
	socket := f.String(flagSocket, defaultSocket, "unix socket `FILE` of the running process")
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
	ok, reason := query(*socket, path, *wait)
	fmt.Println(reason)
	if !ok {
		return exitFailure
	}
	return 0
}

const (
	// responseTime is how long the process may take to respond after the wait.
	responseTime = 500 * time.Millisecond
	// retryPause is the pause between attempts to reach a process that has not started yet, or has
	// ended.
	retryPause = 20 * time.Millisecond
)

// query returns the response of the process. Until the wait is over, it retries if the process does
// not respond or is not ready.
func query(socket, path string, wait time.Duration) (ok bool, reason string) {
	deadline := time.Now().Add(wait)
	ctx, cancel := context.WithDeadline(context.Background(), deadline.Add(responseTime))
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	for {
		left := max(time.Until(deadline), 0)
		ok, reason, err := queryOnce(ctx, client, "http://certsync"+path+"?wait="+left.String())
		switch {
		case err == nil && (ok || left == 0):
			return ok, reason
		case left == 0:
			var outer *url.Error
			if errors.As(err, &outer) {
				err = outer.Err // without the URL, which does not help people
			}
			return false, fmt.Sprintf("certsync does not respond on %s: %v: is it running, with this --%s?", socket, err, flagSocket)
		}
		time.Sleep(min(retryPause, left))
	}
}

func queryOnce(ctx context.Context, client *http.Client, url string) (ok bool, reason string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false, "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return false, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 16<<10))
	return resp.StatusCode == http.StatusOK, strings.TrimSuffix(string(body), "\n"), err
}
