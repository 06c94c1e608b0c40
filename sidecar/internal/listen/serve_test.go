package listen_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/listen"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// serve starts a server on loopback and returns its address.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- listen.Serve(ctx, l, h, time.Minute) }()
	t.Cleanup(func() {
		cancel()
		check(t, <-ended)
	})
	return l.Addr().String()
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	check(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

func greet(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }

// get sends a request as the kubelet does: on a connection that is opened for it.
func get(t *testing.T, address string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + address)
	check(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	check(t, err)
	if string(body) != "hello" {
		t.Errorf("unexpected response %q", body)
	}
}

// closed waits until the server has closed a connection.
func closed(conn net.Conn) bool {
	_, err := io.Copy(io.Discard, conn)
	var timeout net.Error
	return err == nil || !errors.As(err, &timeout) || !timeout.Timeout()
}

// A client that opens any number of connections, however it uses them, does not keep out another.
func TestManyConnections(t *testing.T) {
	for name, sent := range map[string]string{
		"silent":         "",
		"partial header": "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ",
		"idle":           "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			address := serve(t, greet)
			const many = 500
			conns := make([]net.Conn, many)
			for i := range conns {
				conns[i] = dial(t, address)
				_, _ = io.WriteString(conns[i], sent) // the server may have closed it
			}
			get(t, address)
			for i := range conns[:many-64] {
				if !closed(conns[i]) {
					t.Fatalf("connection %d is still open", i)
				}
			}
		})
	}
}

// A connection on which a handler works is the last to be closed: here the wait of "certsync sync".
func TestConnectionInUse(t *testing.T) {
	working, finish := make(chan struct{}), make(chan struct{})
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			close(working)
			<-finish
		}
		greet(w, r)
	})
	waiting := dial(t, address)
	_, err := io.WriteString(waiting, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
	check(t, err)
	<-working
	for range 200 {
		dial(t, address)
	}
	get(t, address)
	close(finish)
	resp, err := http.ReadResponse(bufio.NewReader(waiting), nil)
	check(t, err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("unexpected status %s", resp.Status)
	}
}

// A request that is too large is refused, and does not cost its size in memory.
func TestLargeRequest(t *testing.T) {
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
	})
	for name, c := range map[string]struct {
		header string
		body   string
		want   int
	}{
		"header": {header: strings.Repeat("x", 64<<10), want: http.StatusRequestHeaderFieldsTooLarge},
		"body":   {body: strings.Repeat("x", 64<<10), want: http.StatusRequestEntityTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address, strings.NewReader(c.body))
			check(t, err)
			req.Header.Set("X-Large", c.header)
			resp, err := http.DefaultClient.Do(req)
			check(t, err)
			resp.Body.Close()
			if resp.StatusCode != c.want {
				t.Errorf("unexpected status %s", resp.Status)
			}
		})
	}
}

// A client with many connections closes its own, and not the idle one of another client.
func TestConnectionsOfAnotherPeer(t *testing.T) {
	address := serve(t, greet)
	other := dial(t, address)
	responses := bufio.NewReader(other)
	request := func() {
		t.Helper()
		_, err := io.WriteString(other, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		check(t, err)
		resp, err := http.ReadResponse(responses, nil)
		check(t, err)
		_, err = io.Copy(io.Discard, resp.Body)
		check(t, err)
	}
	request()
	attacker := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	conns := make([]net.Conn, 200)
	for i := range conns {
		conn, err := attacker.Dial("tcp", address)
		check(t, err)
		t.Cleanup(func() { conn.Close() })
		conns[i] = conn
	}
	for i := range conns[:len(conns)-64] {
		if !closed(conns[i]) {
			t.Fatalf("connection %d of the attacker is still open", i)
		}
	}
	request()
}

// A connection ends after a number of requests, which a client can send without waiting.
func TestManyRequests(t *testing.T) {
	conn := dial(t, serve(t, greet))
	go func() { _, _ = io.WriteString(conn, strings.Repeat("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 100)) }()
	responses := bufio.NewReader(conn)
	for n := 1; ; n++ {
		resp, err := http.ReadResponse(responses, nil)
		check(t, err)
		_, err = io.Copy(io.Discard, resp.Body)
		check(t, err)
		if resp.Close {
			if n != 100 {
				t.Errorf("the connection ends after %d requests, want 100", n)
			}
			return
		}
	}
}
