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

// probe asks the running process whether it is ready, or with --live whether its loop turns, prints the
// reason and returns the exit code. With --wait it returns as soon as it is ready, and after that time if
// not; a process that has not opened its socket yet is waited for as well.
func probe(args []string) int {
	f := flag.NewFlagSet("certsync probe", flag.ContinueOnError)
	wait := f.Duration("wait", 0, "wait for readiness at most this long")
	live := f.Bool("live", false, "ask whether the sync loop turns")
	socket := f.String("socket", contract.Socket, "unix socket `FILE` of the running process")
	f.Usage = func() {
		fmt.Fprintln(f.Output(), "certsync probe asks the running process whether it is ready, prints the reason, and exits with 0 if so, or 1.\n\nFlags:")
		f.PrintDefaults()
	}
	switch err := parseFlags(f, args, "there are flags only"); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return exitUsage
	}
	path := contract.PathReady
	if *live {
		path = contract.PathLive
	}
	ok, reason := ask(*socket, path, *wait)
	fmt.Println(reason)
	if !ok {
		return exitFailure
	}
	return 0
}

const (
	// answerTime is what the process gets to answer after the wait.
	answerTime = 500 * time.Millisecond
	// retryPause is between attempts to reach a process that is not there yet, or not any more.
	retryPause = 20 * time.Millisecond
)

// ask returns what the process answers. Until the wait is over, it asks again where nobody answers, or where the answer
// is no.
func ask(socket, path string, wait time.Duration) (ok bool, reason string) {
	deadline := time.Now().Add(wait)
	ctx, cancel := context.WithDeadline(context.Background(), deadline.Add(answerTime))
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	for {
		left := max(time.Until(deadline), 0)
		ok, reason, err := askOnce(ctx, client, "http://certsync"+path+"?wait="+left.String())
		switch {
		case err == nil && (ok || left == 0):
			return ok, reason
		case left == 0:
			var outer *url.Error
			if errors.As(err, &outer) {
				err = outer.Err // without the URL, which says nothing to people
			}
			return false, fmt.Sprintf("certsync does not answer on %s: %v: does it run, with this --socket?", socket, err)
		}
		time.Sleep(min(retryPause, left))
	}
}

func askOnce(ctx context.Context, client *http.Client, url string) (ok bool, reason string, err error) {
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
