package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// selfRequest sends a request to this process's webhook server, on a path without a handler. The
// response shows that the server listens. After it, the first real handshake and request find the
// code and the memory that they need already loaded.
func selfRequest(ctx context.Context, port int) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	// As large as a typical request of the API server, so that the server's buffers grow.
	body := strings.NewReader(strings.Repeat(" ", 8<<10))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("https://127.0.0.1:%d/", port), body)
	if err != nil {
		return err
	}
	t := &http.Transport{
		// The server is this process, and the request contains no secret.
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		DisableKeepAlives: true,
	}
	resp, err := t.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("the webhook server does not respond yet: %w", err)
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}
