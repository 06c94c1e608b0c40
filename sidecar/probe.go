package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
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
	if err := f.Parse(args); err != nil {
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

// answerTime is what the process gets to answer after the wait.
const answerTime = 500 * time.Millisecond

func ask(socket, path string, wait time.Duration) (ok bool, reason string) {
	deadline := time.Now().Add(wait)
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dial(ctx, socket, deadline)
	}}}
	ctx, cancel := context.WithDeadline(context.Background(), deadline.Add(answerTime))
	defer cancel()
	url := "http://certsync" + path + "?wait=" + wait.String()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false, err.Error()
	}
	resp, err := client.Do(req)
	if err != nil {
		return false, fmt.Sprintf("certsync does not answer on %s: %v", socket, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 16<<10))
	if err != nil {
		return false, fmt.Sprintf("certsync does not answer on %s: %v", socket, err)
	}
	return resp.StatusCode == http.StatusOK, string(trimNewline(body))
}

func trimNewline(text []byte) []byte {
	if n := len(text); n > 0 && text[n-1] == '\n' {
		return text[:n-1]
	}
	return text
}

// dial connects to the socket, and until the deadline tries again where nobody listens on it yet.
func dial(ctx context.Context, socket string, deadline time.Time) (net.Conn, error) {
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
		if err == nil || !time.Now().Before(deadline) {
			return conn, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
