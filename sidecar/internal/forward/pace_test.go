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

// paced is a Forwarder with a fake clock, and its log about itself.
type paced struct {
	*Forwarder
	output  bytes.Buffer
	dropped int
	end     func()
}

func start(t *testing.T, dial func() (net.Conn, error)) *paced {
	t.Helper()
	p := &paced{}
	p.Forwarder = New("tcp://fluentd:24224", "certsync", func() { p.dropped++ }, slog.New(slog.NewJSONHandler(&p.output, nil)))
	p.dial = func(context.Context) (net.Conn, error) { return dial() }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { p.Run(ctx); close(done) }()
	p.end = func() { cancel(); <-done }
	return p
}

// count returns how often a text is in the log.
func (p *paced) count(text string) int { return strings.Count(p.output.String(), text) }

// An endpoint that accepts and closes connections, as a proxy without a backend does, is not
// retried more often than one that is down.
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
		if n := p.count("connection closed: records in transit may be lost"); n != 1 {
			t.Errorf("reported %d times:\n%s", n, p.output.String())
		}
	})
}

// The end of a connection that lasted is reported every time, since records may be lost every time.
func TestLostConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var there net.Conn
		p := start(t, func() (here net.Conn, err error) {
			here, there = net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, there) }() // until the connection closes
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
		if n := p.count("records in transit may be lost"); n != 3 {
			t.Errorf("reported %d times:\n%s", n, p.output.String())
		}
	})
}

// If the endpoint is down at shutdown, the queue is lost, counted and reported.
func TestLostAtShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, func() (net.Conn, error) { return nil, errors.New("down") })
		for range 5 {
			if _, err := p.Write([]byte(`{"msg":"a record"}`)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		p.end()
		if p.dropped != 5 || p.count(`"records":5`) != 1 {
			t.Errorf("%d records counted:\n%s", p.dropped, p.output.String())
		}
	})
}
