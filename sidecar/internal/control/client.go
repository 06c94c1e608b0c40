package control

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
)

// FlagSocket is the flag for the socket.
const FlagSocket = "socket"

// maxResponse bounds what a command reads. The status of 2,500 certificates has about 4 MiB.
const maxResponse = 16 << 20

// addSocket adds the flag for the socket.
func addSocket(f *flag.FlagSet) *string {
	return f.String(FlagSocket, DefaultSocket, "unix socket `FILE` of the running process")
}

// client sends requests to the process that listens on a socket.
type client struct {
	socket string
	http   *http.Client
}

func newClient(socket string) *client {
	return &client{socket: socket, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}}
}

// do returns the status code and the body of the response. An error is only about the connection:
// explain turns it into a text.
func (c *client) do(ctx context.Context, method, path string) (status int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://certsync"+path, nil)
	if err != nil {
		return 0, nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxResponse))
	return resp.StatusCode, body, err
}

// explain returns the text for a process that does not respond.
func (c *client) explain(err error) string {
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err // without the URL, which does not help people
	}
	return fmt.Sprintf("certsync does not respond on %s: %v: is it running, with this --%s?", c.socket, err, FlagSocket)
}

// text returns a body of one line.
func text(body []byte) string { return strings.TrimSuffix(string(body), "\n") }
