package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// selfRequests is the number of requests that selfRequest sends.
const selfRequests = 10

// selfRequest sends requests to this process's webhook server, on a path without a handler. A
// response shows that the server listens. After them, the first real handshake and request find the
// code and the memory that they need already loaded, on all CPUs.
func selfRequest(ctx context.Context, port int) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var wantsCertificate atomic.Bool
	t := &http.Transport{
		TLSClientConfig: &tls.Config{
			// The server is this process, and the request contains no secret.
			InsecureSkipVerify: true,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				wantsCertificate.Store(true)
				return &tls.Certificate{}, nil
			},
		},
	}
	defer t.CloseIdleConnections()
	for range selfRequests {
		err := roundTrip(ctx, t, fmt.Sprintf("https://127.0.0.1:%d/", port))
		if err != nil && wantsCertificate.Load() {
			return nil // with --client-ca-file, the server refuses this client, but it listens
		}
		if err != nil {
			return fmt.Errorf("the webhook server does not respond yet: %w", err)
		}
	}
	return nil
}

// roundTrip sends a request that is as large as a typical one of the API server, so that the
// server's buffers grow.
func roundTrip(ctx context.Context, t *http.Transport, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(strings.Repeat(" ", 8<<10)))
	if err != nil {
		return err
	}
	resp, err := t.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}
