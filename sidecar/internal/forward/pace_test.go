package forward

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// paced is a Forwarder in a bubble, with what it wrote to its own log.
type paced struct {
	*Forwarder
	own     bytes.Buffer
	dropped int
	end     func()
}

func start(t *testing.T, dial func() (net.Conn, error)) *paced {
	t.Helper()
	p := &paced{}
	p.Forwarder = New("tcp://fluentd:24224", "certsync", func() { p.dropped++ }, slog.New(slog.NewJSONHandler(&p.own, nil)))
	p.dial = func(context.Context) (net.Conn, error) { return dial() }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { p.Run(ctx); close(done) }()
	p.end = func() { cancel(); <-done }
	return p
}

func (p *paced) says(text string) int { return strings.Count(p.own.String(), text) }

// An endpoint that accepts and closes, as a proxy without a backend does, is tried again no more often than one that is away.
func TestEndpointThatCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dials := 0
		p := start(t, func() (net.Conn, error) {
			dials++
			here, there := net.Pipe()
			return here, there.Close()
		})
		time.Sleep(time.Hour)
		p.end()
		if dials < 100 || dials > 150 {
			t.Errorf("%d connections in an hour, want one every 30 s", dials)
		}
		if n := p.says("the connection has ended: records that were under way may be lost"); n != 1 {
			t.Errorf("it is said %d times:\n%s", n, p.own.String())
		}
	})
}

// A connection that lasted and breaks is said every time, since records may be lost every time.
func TestConnectionThatBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var there net.Conn
		p := start(t, func() (here net.Conn, err error) {
			here, there = net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, there) }() // until it is closed
			return here, nil
		})
		for range 3 {
			time.Sleep(time.Hour)
			synctest.Wait()
			if err := there.Close(); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		p.end()
		if n := p.says("records that were under way may be lost"); n != 3 {
			t.Errorf("it is said %d times:\n%s", n, p.own.String())
		}
	})
}

// What is queued for an endpoint that is away at the end is lost, counted, and said.
func TestLostAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, func() (net.Conn, error) { return nil, errors.New("away") })
		for range 5 {
			if _, err := p.Write([]byte(`{"msg":"a record"}`)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		p.end()
		if p.dropped != 5 || p.says(`"records":5`) != 1 {
			t.Errorf("%d are counted:\n%s", p.dropped, p.own.String())
		}
	})
}
