package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	utilnet "k8s.io/apimachinery/pkg/util/net"
)

// freeAddress returns an address that nothing listens on.
func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestLongHeadersAreRefused checks that a stranger cannot fill the memory with headers, and that a
// request in progress is finished after the context ended.
func TestLongHeadersAreRefused(t *testing.T) {
	serving := newAuthority(t).leaf(x509.ExtKeyUsageServerAuth)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	address, done := freeAddress(t), make(chan error, 1)
	var served atomic.Int32
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		if r.URL.Path == "/last" {
			cancel()
			time.Sleep(50 * time.Millisecond)
			fmt.Fprint(w, "finished")
		}
	})
	go func() {
		done <- serveTLS(ctx, address, &tls.Config{Certificates: []tls.Certificate{*serving}, NextProtos: []string{"http/1.1"}}, h)
	}()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	for range 100 {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	// The server stops reading, so the write may fail.
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\nX: "+strings.Repeat("x", 1<<20))
	response := make([]byte, 12)
	if _, err := io.ReadFull(conn, response); err == nil && string(response) != "HTTP/1.1 431" || served.Load() != 0 {
		t.Errorf("got %q, %v and %d requests", response, err, served.Load())
	}
	resp, err := client.Get("https://" + address + "/last")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); string(body) != "finished" || err != nil {
		t.Errorf("got %q, %v", body, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// The API server's client for webhooks has the defaults of its libraries.
func TestIdleConnectionsAreClosedByTheClient(t *testing.T) {
	if client := utilnet.SetTransportDefaults(&http.Transport{}).IdleConnTimeout; idleTimeout <= client {
		t.Errorf("the webhook closes a connection after %s, and the API server after %s", idleTimeout, client)
	}
}
