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

// selfRequest sends the webhook server of this process a request without a handler. The response
// shows that the server listens. It also warms up the first real handshake and request: the code
// and the memory that they need are then in place.
func selfRequest(ctx context.Context, port int) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	// As large as a request of the API server, so that the server's buffers have that size.
	body := strings.NewReader(strings.Repeat(" ", 8<<10))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("https://127.0.0.1:%d/", port), body)
	if err != nil {
		return err
	}
	t := &http.Transport{
		// This process itself listens on the port, and the request contains nothing secret.
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
