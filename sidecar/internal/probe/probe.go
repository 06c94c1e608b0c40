// Package probe queries a running certsync over its unix socket.
//
// It guarantees that a query ends soon after its wait, whatever the process does, and that it
// returns as soon as the process is ready. It never changes the process.
package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// responseTime is how long the process may take to respond after the wait.
	responseTime = 500 * time.Millisecond
	// retryPause is the pause between attempts to reach a process that has not started yet, or has
	// ended.
	retryPause = 20 * time.Millisecond
)

// Query returns the response of the process that serves the socket, to a request for the path. Until the wait is over, it retries if the process does
// not respond or is not ready.
func Query(socket, path string, wait time.Duration) (ok bool, reason string) {
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
			return false, fmt.Sprintf("certsync does not respond on %s: %v: is it running, with this --socket?", socket, err)
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
