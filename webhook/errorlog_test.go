package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A client that causes thousands of errors fills no log, and what was omitted is counted.
func TestErrorLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := newErrorLog(slog.New(slog.NewJSONHandler(&out, nil)))
		for range 5000 {
			log.Print("http: TLS handshake error from 10.0.0.1:1: EOF")
		}
		if n := strings.Count(out.String(), "\n"); n != 10 {
			t.Errorf("%d lines, want 10", n)
		}
		out.Reset()
		time.Sleep(time.Second)
		log.Print("http: TLS handshake error from 10.0.0.2:1: remote error: tls: bad certificate")
		if got := out.String(); !strings.Contains(got, "bad certificate") || !strings.Contains(got, `"omittedBefore":4990`) {
			t.Errorf("got %s", got)
		}
	})
}
